import sys
from tests.simulation.loop import play, PROCESS
from tests.simulation import world, shelf
W=[]
oi=world.World.__init__
def init(self,*a): oi(self,*a); W.append(self)
world.World.__init__=init
T0=float(sys.argv[2])
for name in ("claim","claim_due","release","owned","append","row","snapshot","read"):
    def wrap(name):
        o=getattr(shelf.LeasedStore,name)
        async def f(self,*a,**k):
            t=self._shelf.loop.time()
            try:
                r=await o(self,*a,**k)
                if t>T0: W[0].note(f"   {self.name}.{name}{str(a)[:60]} from {t:.3f} -> {str(r)[:100]}")
                return r
            except BaseException as e:
                if t>T0: W[0].note(f"   {self.name}.{name}{str(a)[:60]} from {t:.3f} raised {e!r}")
                raise
        setattr(shelf.LeasedStore,name,f)
    wrap(name)
async def scene(loop):
    try: await world.live(loop,int(sys.argv[1]))
    except AssertionError as e:
        print(e); print("\n".join(e.__notes__))
        for p in W[0].processes:
            if p.up:
                s=p.host._serving
                print(p.name, "doubt",s._doubt,"put_off",s._put_off,"running",p.host.running,"releasing",p.host._releasing.keys(), "busy",s._busy, "delays", s._delays)
                s._task.print_stack()
play(scene)
