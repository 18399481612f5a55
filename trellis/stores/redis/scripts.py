"""The scripts of the store. Each is carried out whole: it judges by what is there, and only then writes.

Keys, each behind the prefix:

    format              of all of this
    run:RUN             a hash: row, rev, epoch, owner, name, wake, sets, created, graph, serial, request, seq, data
    events:RUN          a list
    owners              a sorted set: owner -> the millisecond until which it lives, by the server's clock
    due:OWNER:NAME      a sorted set: run -> wake, of the open runs of graphs of that name; OWNER is empty for free ones
    held:OWNER          a set: the runs whose hash has this owner
    queues:OWNER        a set: the names for which there is such a set
    index:…             sorted sets: serial and run -> created
    def:HASH, uses:HASH, defs:RUN    a definition, the runs that need it, and the definitions that a run needs
    requests            a hash: request -> run
    serial              a counter of runs
    inbox:OWNER, reply:ID            lists of messages

A run whose `owner` is no living one is free, whatever the hash says; burying an owner therefore only moves its sets.
ARGV starts with the prefix and who asks. What holds any bytes stands at its end, and is named by its place there:
the MessagePack that Redis reads knows texts only.
"""

from __future__ import annotations

from trellis.stores.redis.connection import FORMAT, Script

_HEAD = f"""
local P, me, call = ARGV[1], ARGV[2], redis.call
local known, format = '{FORMAT}', call('GET', P .. ':format')
if format and format ~= known then return redis.error_reply('FORMAT ' .. format) end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function living(owner)
    if not owner or owner == '' then return false end
    local ends = call('ZSCORE', P .. ':owners', owner)
    return ends and tonumber(ends) > now
end

local function load(run)
    local found = call('HMGET', P .. ':run:' .. run, 'rev', 'epoch', 'owner', 'name', 'wake', 'sets', 'created', 'graph',
        'serial', 'request')
    if not found[1] then return nil end
    return {{run = run, rev = tonumber(found[1]), epoch = tonumber(found[2]), owner = found[3], name = found[4],
        wake = found[5], sets = found[6], created = found[7], graph = found[8], serial = found[9], request = found[10]}}
end

local function whose(r)
    return living(r.owner) and r.owner or 'nobody'
end

local function unqueue(r)
    if r.wake == '' then return end
    -- Under the name of its owner, or under none where that one was buried.
    for _, owner in ipairs({{r.owner, ''}}) do
        local queue = P .. ':due:' .. owner .. ':' .. r.name
        if call('ZREM', queue, r.run) == 1 and call('EXISTS', queue) == 0 then
            call('SREM', P .. ':queues:' .. owner, r.name)
        end
    end
end

local function queue(r)
    if r.wake == '' then return end
    call('ZADD', P .. ':due:' .. r.owner .. ':' .. r.name, r.wake, r.run)
    call('SADD', P .. ':queues:' .. r.owner, r.name)
end

local function index(r, sets, created)
    local member = r.serial .. ':' .. r.run
    if r.sets and (r.sets ~= sets or r.created ~= created) then
        for _, set in ipairs(cmsgpack.unpack(r.sets)) do call('ZREM', P .. ':index:' .. set, member) end
    end
    if sets and (r.sets ~= sets or r.created ~= created) then
        for _, set in ipairs(cmsgpack.unpack(sets)) do call('ZADD', P .. ':index:' .. set, created, member) end
    end
    r.sets, r.created = sets, created
end

local function define(run, hash, data)
    call('SETNX', P .. ':def:' .. hash, data)
    call('SADD', P .. ':uses:' .. hash, run)
    call('SADD', P .. ':defs:' .. run, hash)
end

local function own(r)
    call('SREM', P .. ':held:' .. r.owner, r.run)
    r.owner, r.epoch = me, r.epoch + 1
    call('SADD', P .. ':held:' .. me, r.run)
    call('HSET', P .. ':run:' .. r.run, 'owner', me, 'epoch', r.epoch)
end

local function live(lease)
    call('ZADD', P .. ':owners', now + lease, me)
end

local function bury(owner)
    for _, name in ipairs(call('SMEMBERS', P .. ':queues:' .. owner)) do
        local from, to = P .. ':due:' .. owner .. ':' .. name, P .. ':due::' .. name
        call('SADD', P .. ':queues:', name)
        while true do
            local some = call('ZPOPMIN', from, 500)
            if #some == 0 then break end
            local given = {{}}
            for i = 1, #some, 2 do
                given[i], given[i + 1] = some[i + 1], some[i]
            end
            call('ZADD', to, unpack(given))
        end
    end
    call('DEL', P .. ':queues:' .. owner)
    call('ZREM', P .. ':owners', owner)
end
"""


def _script(body: str) -> Script:
    return Script(_HEAD + body)


def _look(body: str) -> Script:
    return Script(_HEAD + body, writes=False)


CREATE = _script(
    """
local lease, open, given = tonumber(ARGV[3]), ARGV[4] == '1', cmsgpack.unpack(ARGV[5])
local run, request, row, last, most, events, definitions = unpack(given)
local function part(number) return ARGV[5 + number] end
local there = call('EXISTS', P .. ':run:' .. run) == 1 and run
if not there and request ~= '' then there = call('HGET', P .. ':requests', request) end
if there then
    local found = call('HMGET', P .. ':run:' .. there, 'row', 'rev', 'request')
    return {'there', found[1], found[2], found[3]}
end
if most >= 0 and open and call('ZCARD', P .. ':index:status:running') >= most then return {'many'} end
call('SETNX', P .. ':format', known)
local r = {run = run, owner = last and '' or me, name = row[3], wake = row[2],
    serial = string.format('%016d', call('INCR', P .. ':serial'))}
index(r, cmsgpack.pack(row[4]), row[5])
queue(r)
if not last then
    live(lease)
    call('SADD', P .. ':held:' .. me, run)
end
call('HSET', P .. ':run:' .. run, 'row', row[1], 'rev', #events, 'epoch', 1, 'owner', r.owner, 'name', r.name,
    'wake', r.wake, 'sets', r.sets, 'created', r.created, 'graph', row[6], 'serial', r.serial, 'request', request)
for _, event in ipairs(events) do call('RPUSH', P .. ':events:' .. run, part(event)) end
for _, definition in ipairs(definitions) do define(run, definition[1], part(definition[2])) end
if request ~= '' then call('HSET', P .. ':requests', request, run) end
return {'created'}
"""
)

APPEND = _script(
    """
local lease, turns = tonumber(ARGV[3]), cmsgpack.unpack(ARGV[4])
local runs, stopped, answers = {}, {}, {}
local function part(number) return ARGV[4 + number] end
for place, turn in ipairs(turns) do
    local run, seq, epoch, event, last, row, snapshot, definition = unpack(turn)
    local r = runs[run]
    if r == nil then
        r = load(run) or false
        runs[run] = r
    end
    local refused = stopped[run]
    if not refused then
        if not r then refused = 'C0'
        elseif r.owner ~= me or r.epoch ~= epoch then refused = 'O' .. whose(r)
        elseif seq ~= r.rev + 1 then refused = 'C' .. r.rev
        end
    end
    if refused then
        stopped[run], answers[place] = refused, refused
    else
        answers[place] = ''
        if not r.before then r.before = {run = run, owner = r.owner, name = r.name, wake = r.wake} end
        r.rev = seq
        call('RPUSH', P .. ':events:' .. run, part(event))
        if row then
            index(r, cmsgpack.pack(row[4]), row[5])
            r.row, r.wake, r.name, r.graph = row[1], row[2], row[3], row[6]
        end
        if snapshot then r.seq, r.data = seq, part(snapshot) end
        if definition then define(run, r.graph, part(definition)) end
        if last then r.owner = '' end
    end
end
local wrote = false
for run, r in pairs(runs) do
    if r and r.before then
        wrote = true
        local given = {'rev', r.rev}
        local function add(name, value)
            given[#given + 1] = name
            given[#given + 1] = value
        end
        if r.row then
            add('row', r.row)
            add('wake', r.wake)
            add('name', r.name)
            add('sets', r.sets)
            add('created', r.created)
            add('graph', r.graph)
        end
        if r.seq then
            add('seq', r.seq)
            add('data', r.data)
        end
        if r.owner ~= r.before.owner then
            add('owner', r.owner)
            call('SREM', P .. ':held:' .. me, run)
        end
        call('HSET', P .. ':run:' .. run, unpack(given))
        if r.wake ~= r.before.wake or r.name ~= r.before.name or r.owner ~= r.before.owner then
            unqueue(r.before)
            queue(r)
        end
    end
end
-- It has been thought dead and may be buried, but nobody took what it wrote to: so it lives on.
if wrote and not living(me) then live(lease) end
return answers
"""
)

CLAIM = _script(
    """
local lease, r = tonumber(ARGV[3]), load(ARGV[4])
if not r then return {'unknown'} end
if r.owner ~= me and living(r.owner) then return {'owned', r.owner} end
unqueue(r)
if r.owner ~= me then own(r) end
queue(r)
live(lease)
return {'yours', r.epoch}
"""
)

CLAIM_DUE = _script(
    """
local lease, wake, limit = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local names, skipped = cmsgpack.unpack(ARGV[6]), cmsgpack.unpack(ARGV[7])
-- Who was stopped for longer than its lease, and whose runs nobody took, goes on with them.
if ARGV[8] == '1' then live(lease) end
for _, owner in ipairs(call('ZRANGEBYSCORE', P .. ':owners', '-inf', now)) do bury(owner) end
local every = call('SMEMBERS', P .. ':queues:')
local without = {}
for _, run in ipairs(skipped) do without[run] = true end
local found = {}
for _, name in ipairs(names and names or every) do
    local some = call('ZRANGEBYSCORE', P .. ':due::' .. name, '-inf', wake, 'WITHSCORES', 'LIMIT', 0,
        limit > 0 and limit + #skipped or 0)
    for i = 1, #some, 2 do
        if not without[some[i]] then found[#found + 1] = {tonumber(some[i + 1]), some[i]} end
    end
end
table.sort(found, function(a, b) if a[1] ~= b[1] then return a[1] < b[1] end return a[2] < b[2] end)
local claimed = {}
for _, one in ipairs(found) do
    if #claimed >= 2 * limit then break end
    local r = load(one[2])
    unqueue(r)
    if not living(r.owner) then
        own(r)
        claimed[#claimed + 1] = r.run
        claimed[#claimed + 1] = r.epoch
    end
    -- Of an owner that was buried and lives on, the run is back in its place.
    queue(r)
end
if #claimed > 0 then live(lease) end
local next = nil
for _, name in ipairs(call('SMEMBERS', P .. ':queues:')) do
    local first = call('ZRANGEBYSCORE', P .. ':due::' .. name, '(' .. wake, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if first[1] and (not next or tonumber(first[2]) < tonumber(next)) then next = first[2] end
end
return {claimed, next or false}
"""
)

RELEASE = _script(
    """
local r = load(ARGV[3])
if not r or r.owner ~= me then return 0 end
unqueue(r)
r.owner = ''
queue(r)
call('SREM', P .. ':held:' .. me, r.run)
call('HSET', P .. ':run:' .. r.run, 'owner', '')
local seq = tonumber(ARGV[4])
if seq >= 0 and seq <= r.rev then call('HSET', P .. ':run:' .. r.run, 'seq', seq, 'data', ARGV[5]) end
return 1
"""
)

DELETE = _script(
    """
local r = load(ARGV[3])
if not r then return {'unknown'} end
if r.owner ~= me and living(r.owner) then return {'owned', r.owner} end
unqueue(r)
index(r, false, false)
call('SREM', P .. ':held:' .. r.owner, r.run)
if r.request ~= '' then call('HDEL', P .. ':requests', r.request) end
for _, hash in ipairs(call('SMEMBERS', P .. ':defs:' .. r.run)) do
    call('SREM', P .. ':uses:' .. hash, r.run)
    if call('EXISTS', P .. ':uses:' .. hash) == 0 then call('DEL', P .. ':def:' .. hash) end
end
call('UNLINK', P .. ':run:' .. r.run, P .. ':events:' .. r.run, P .. ':defs:' .. r.run)
return {'gone'}
"""
)

READ = _look(
    """
local rev = call('HGET', P .. ':run:' .. ARGV[3], 'rev')
if not rev then return false end
return {rev, call('LRANGE', P .. ':events:' .. ARGV[3], ARGV[4], ARGV[5])}
"""
)

ROW = _look("return call('HMGET', P .. ':run:' .. ARGV[3], 'row', 'rev', 'request')")
OWNED = _look("return call('SMEMBERS', P .. ':held:' .. me)")
SNAPSHOT = _look("return call('HMGET', P .. ':run:' .. ARGV[3], 'seq', 'data')")
DEFINITION = _look("return call('GET', P .. ':def:' .. ARGV[3])")

ROWS = _look(
    """
local inside, outside, limit = cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4]), tonumber(ARGV[5])
local members
if #inside == 1 then
    members = call('ZREVRANGE', P .. ':index:' .. inside[1], 0, #outside == 0 and limit >= 0 and limit - 1 or -1)
    if limit == 0 then members = {} end
else
    local words = {'ZINTER', #inside}
    for _, set in ipairs(inside) do words[#words + 1] = P .. ':index:' .. set end
    words[#words + 1] = 'WEIGHTS'
    for place = 1, #inside do words[#words + 1] = place == 1 and 1 or 0 end
    local ascending = call(unpack(words))
    members = {}
    for place = #ascending, 1, -1 do members[#members + 1] = ascending[place] end
end
local found = {}
for _, member in ipairs(members) do
    if limit >= 0 and #found >= 3 * limit then break end
    local meant = true
    for _, set in ipairs(outside) do
        if call('ZSCORE', P .. ':index:' .. set, member) then meant = false end
    end
    if meant then
        for _, part in ipairs(call('HMGET', P .. ':run:' .. string.sub(member, 18), 'row', 'rev', 'request')) do
            found[#found + 1] = part
        end
    end
end
return found
"""
)

RENEW = _script("live(tonumber(ARGV[3])) return 1")
LEAVE = _script("bury(me) return 1")

POST = _script(
    """
local r = load(ARGV[3])
if not r then return {'unknown'} end
if r.owner == me then return {'me'} end
if not living(r.owner) then return {'nobody'} end
call('RPUSH', P .. ':inbox:' .. r.owner, ARGV[4])
call('PEXPIRE', P .. ':inbox:' .. r.owner, ARGV[5])
return {'sent', r.owner}
"""
)
OWNS = _look(
    """
local r = load(ARGV[3])
return r and r.owner == me and living(me) and 1 or 0
"""
)
REPLY = _script(
    """
call('RPUSH', P .. ':reply:' .. ARGV[3], ARGV[4])
call('PEXPIRE', P .. ':reply:' .. ARGV[3], ARGV[5])
return 1
"""
)
# Where the message can no longer be heard, it is taken back; `lost` is one that was taken and will not be replied to.
LOOK = _script(
    """
local run, owner, letter, ticket = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if call('EXISTS', P .. ':reply:' .. ticket) == 1 then return 'replied' end
local r, lives = load(run), living(owner)
if lives and r and r.owner == owner then return 'wait' end
if call('LREM', P .. ':inbox:' .. owner, 1, letter) == 1 then return 'unheard' end
return lives and 'wait' or 'lost'
"""
)
TAKE_BACK = _script("return call('LREM', P .. ':inbox:' .. ARGV[3], 1, ARGV[4])")
