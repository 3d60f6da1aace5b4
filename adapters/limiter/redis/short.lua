-- One call makes several decisions, one after the other, each of them all or nothing over its keys.
-- KEYS has the keys of all decisions, in their order. ARGV: what to do ('take', or 'inspect' to take
-- nothing); the name of the clock, which is empty for the server's; how many terms follow; of each
-- of them the limit, the window and the life of a key in milliseconds; then for each decision one
-- string with a byte for each of its keys: the number of the key's term, where '1' is the first. A
-- term with the limit 0 is of keys without a value: one counts while it exists, and its remaining
-- time is not reported.
-- Only from the conformance suite each of these strings is followed by its clock's instant. Instants
-- and windows are in one unit: microseconds of the server's clock.
--
-- It returns 20 bytes for each key: how many grants counted before this one, at most the limit (4
-- bytes), how long until one of them stops counting (8; 0: none counts), and the instant at which
-- the subject was checked (8). One string costs less than a list of numbers, on both sides.
--
-- This is the short way, which most checks take, however many a decision has: the subject has no
-- grants, or a small ring without spare room in which all grants count. Where that is not so of a
-- check, ring.lua and decide.lua, which follow, do the rest of the work of its decision. Functions,
-- tables and calls are what costs in a script, so there are hardly any here.

local call, pack, unpack, byte = redis.call, struct.pack, struct.unpack, string.byte
local clock, terms, now = ARGV[2], ARGV[3] + 0, nil
if clock == '' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- The terms, by the byte that stands for them.
local limits, windows, lives = {}, {}, {}
for i = 1, terms do
  limits[48 + i], windows[48 + i], lives[48 + i] = ARGV[3 * i + 1] + 0, ARGV[3 * i + 2] + 0, ARGV[3 * i + 3]
end
-- Numbers in commands are strings where possible: the server is slow to convert a number.
-- The first read of a subject brings all of a ring of 16 slots, and as much of a larger one.
local FIRST, LAST, NEAR = '0', '135', 136
-- For each key: what was read; what is to be written; its part of the reply, false where the check
-- takes the long way. There is room for a few, and the tables grow.
local read, write = {false, false, false, false}, {false, false, false, false}
local reply = {false, false, false, false}
-- The decision under way: its string, where that is in ARGV, how many keys come before its own, and
-- whether it is still granted.
local list, at, base, granted = nil, 3 * terms + 4, 0, nil
-- A ring of one grant, and the reply for a subject without grants; all such subjects share them.
local first, none

-- near makes the next decision by the short way and returns true, or returns false before it has
-- written anything.
local function near()
  list, granted = ARGV[at], ARGV[1] == 'take'
  if clock ~= '' then at, now, first = at + 1, ARGV[at + 1] + 0, nil end
  local short = true
  for i = 1, #list do
    local k, term = base + i, byte(list, i)
    local seen, state, size = '', false, nil
    if limits[term] > 0 then
      seen = call('GETRANGE', KEYS[k], FIRST, LAST)
      size = #seen
    else
      -- This changes nothing, and says whether the key exists. EXISTS and PTTL would need
      -- permissions that the users of servers do not have.
      if call('SET', KEYS[k], '', 'XX', 'KEEPTTL') then
        granted = false
        state = pack('>I4I8I8', 1, windows[term], now)
      else
        write[k], state = '', pack('>I4I8I8', 0, 0, now)
      end
    end
    if size == 0 then
      if not first then first, none = pack('>I4I4I8', 0, 1, now), pack('>I4I8I8', 0, 0, now) end
      write[k], state = first, none
    elseif size and size >= 16 and size < NEAR then
      local tail, count, oldest = unpack('>I4I4I8', seen)
      if size == 8 + 8 * count and tail < count then
        local last = unpack('>I8', seen, tail > 0 and 1 + 8 * tail or size - 7)
        if tail > 0 then oldest = unpack('>I8', seen, 9 + 8 * tail) end
        local limit, resetAfter = limits[term], oldest + windows[term] - now
        if last <= now and resetAfter > 0 and count <= limit then
          if count == limit then
            granted = false
            state = pack('>I4I8I8', count, resetAfter, now)
          elseif tail == 0 or not granted then
            if granted then
              write[k] = pack('>I4I4', 0, count + 1) .. seen:sub(9) .. pack('>I8', now)
            end
            state = pack('>I4I8I8', count, resetAfter, now)
          end
        end
      end
    end
    read[k], reply[k], short = seen, state, short and state
  end
  if not short then return false end
  if granted then
    for i = 1, #list do call('SET', KEYS[base + i], write[base + i], 'PX', lives[byte(list, i)]) end
  end
  at, base = at + 1, base + #list
  return true
end

while at <= #ARGV and near() do end
if at > #ARGV then return table.concat(reply, '', 1, base) end
