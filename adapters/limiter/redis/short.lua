-- One call makes several decisions, one after the other, each of them all or nothing over its keys.
-- KEYS has the keys of all decisions, in their order. ARGV: what to do ('take', or 'inspect' to
-- take nothing); the name of the clock, which is empty for the server's; how many terms follow; of
-- each of them the limit, the window and the life of a key in milliseconds; a string with a byte
-- for each key, the number of its terms; and one with a byte for each decision, the number of its
-- keys. Terms with the limit 0 are of keys without a value: one counts while it exists, and its
-- remaining time is not reported.
-- Only from the conformance suite the clock's instant for each decision follows. Instants and
-- windows are in one unit: microseconds of the server's clock.
--
-- It returns 20 bytes for each key: how many grants counted before this one, at most the limit (4
-- bytes), how long until one of them stops counting (8; 0: none counts), and the instant at which
-- the subject was checked (8). One string costs less than a list of numbers, on both sides.
--
-- This is the short way, which most checks take, however many a decision has: the subject has no
-- grants, or a small ring without spare room in which all grants count. Where that is not so of a
-- check, ring.lua and decide.lua, which follow, do the rest of the work of its decision. Functions,
-- tables and calls are what costs in a script, so there are hardly any here.
--
-- Most subjects are new, so one command both reads a subject and, if it is new, writes its grant.
-- Where a later check of the decision is refused, that is undone: no caller sees it in between.

local call, pcall, byte = redis.call, redis.pcall, string.byte
local pack, unpack = struct.pack, struct.unpack
local takes, clock, terms, now = ARGV[1] == 'take', ARGV[2], ARGV[3] + 0, nil
-- A ring of one grant, and the reply for a subject without grants; all such subjects share them.
local first, none
if clock == '' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
  first, none = pack('>I4I4I8', 0, 1, now), pack('>I4I8I8', 0, 0, now)
end
local limits, windows, lives = {}, {}, {}
for i = 1, terms do
  limits[i], windows[i], lives[i] = ARGV[3 * i + 1] + 0, ARGV[3 * i + 2] + 0, ARGV[3 * i + 3]
end
local kinds, sizes = {byte(ARGV[3 * terms + 4], 1, -1)}, {byte(ARGV[3 * terms + 5], 1, -1)}
-- Numbers in commands are strings where possible: the server is slow to convert a number.
-- The first read of a subject brings all of a ring of 16 slots, and as much of a larger one; under
-- limits up to WHOLE, for which no ring is large, it brings all.
local FIRST, LAST, NEAR, WHOLE = '0', '135', 136, 64
-- For each key its part of the reply, false where the check takes the long way.
local reply = {}
-- The decision under way: its number, the number of the key before its first one, how many keys it
-- has, and whether it is still granted. For each of its keys: what was read, false where that made
-- the key; and how many grants its ring holds.
local at, base, n, granted = 1, 0, 0, nil
local read, counts = {}, {}

-- undo deletes the keys that the decision made, because it is refused.
local function undo()
  for i = 1, n do
    if read[i] == false then call('DEL', KEYS[base + i]) end
  end
end

-- append adds the decision's grant to the ring of its i-th key.
local function append(i)
  local key = KEYS[base + i]
  local ring = pack('>I4I4', 0, counts[i] + 1) .. read[i]:sub(9) .. pack('>I8', now)
  call('SET', key, ring, 'PX', lives[kinds[base + i]])
end

-- near makes the next decision by the short way and returns true. Otherwise it returns false, and
-- has written nothing but the keys that it made.
local function near()
  n, granted = sizes[at], takes
  if clock ~= '' then
    now = ARGV[3 * terms + 5 + at] + 0
    first, none = pack('>I4I4I8', 0, 1, now), pack('>I4I8I8', 0, 0, now)
  end
  local short = true
  for i = 1, n do
    local key, term = KEYS[base + i], kinds[base + i]
    local limit = limits[term]
    local seen, state, count = nil, none, nil
    if limit == 0 then
      -- XX and KEEPTTL change nothing, and say whether the key exists. EXISTS and PTTL would need
      -- permissions that the users of servers do not have.
      if granted and call('SET', key, '', 'NX', 'PX', lives[term]) then
        seen = false
      elseif call('SET', key, '', 'XX', 'KEEPTTL') then
        granted, state = false, pack('>I4I8I8', 1, windows[term], now)
      end
    elseif granted and limit <= WHOLE then
      seen = pcall('SET', key, first, 'NX', 'GET', 'PX', lives[term])
      -- A server that is full still answers reads, and so refusals.
      if seen and seen.err then seen = call('GETRANGE', key, FIRST, LAST) end
    else
      seen = call('GETRANGE', key, FIRST, LAST)
    end
    if seen == '' then
      count = 0
    elseif seen then
      local size = #seen
      state = false
      if size >= 16 and size < NEAR then
        local tail, held, oldest = unpack('>I4I4I8', seen)
        if size == 8 + 8 * held and tail < held then
          local last = unpack('>I8', seen, tail > 0 and 1 + 8 * tail or size - 7)
          if tail > 0 then oldest = unpack('>I8', seen, 9 + 8 * tail) end
          local resetAfter = oldest + windows[term] - now
          if last <= now and resetAfter > 0 and held <= limit then
            if held == limit then
              granted = false
              state = pack('>I4I8I8', held, resetAfter, now)
            elseif tail == 0 or not granted then
              count = held
              state = pack('>I4I8I8', held, resetAfter, now)
            end
          end
        end
      end
    end
    read[i], counts[i], reply[base + i], short = seen, count, state, short and state
  end
  if not short then return false end
  if granted then
    for i = 1, n do
      if counts[i] then append(i) end
    end
  else
    undo()
  end
  at, base = at + 1, base + n
  return true
end

while at <= #sizes and near() do end
if at > #sizes then return table.concat(reply, '', 1, base) end
