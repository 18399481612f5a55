import sys,collections,time
from concurrent.futures import ProcessPoolExecutor
from tests.simulation.loop import play
from tests.simulation.world import live
def one(s):
    try:
        play(lambda loop: live(loop,s)); return None
    except BaseException as e: return (s,str(e)[:160])
if __name__=="__main__":
    t=time.time()
    with ProcessPoolExecutor(2) as p:
        bad=[r for r in p.map(one,range(int(sys.argv[1]),int(sys.argv[2])),chunksize=50) if r]
    for b in bad: print(b)
    print(len(bad),time.time()-t)
