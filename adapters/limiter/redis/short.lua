-- One decision over KEYS, all or nothing. ARGV: what to do ('take', or 'inspect' to take nothing),
-- and for each key the limit, the window and the life of the key in milliseconds; then, only from
-- the conformance suite, the name of the clock and its instant. Instants and windows are in one
-- unit: microseconds of the server's clock.
--
-- It returns 20 bytes for each key: how many grants counted before this one, at most the limit (4
-- bytes), how long until one of them stops counting (8; 0: none counts), and the instant at which
-- the subject was checked (8). One string costs less than a list of numbers, on both sides.
--
-- This is the short way, which most checks take, however many a decision has: the subject has no
-- grants, or a small ring without spare room in which all grants count. Where that is not so of a
-- check, ring.lua and decide.lua, which follow, do the rest of the work; nothing was written before.
-- Functions, tables and calls are what costs in a script, so there are hardly any here.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local clock, now = ARGV[3 * #KEYS + 2], ARGV[3 * #KEYS + 3]
if clock then
  now = tonumber(now)
else
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- Numbers in commands are strings where possible: the server is slow to convert a number.
-- The first read of a subject brings all of a ring of 16 slots, and as much of a larger one.
local FIRST, LAST, NEAR = '0', '135', 136
-- For each check: what was read; what is to be written; its part of the reply, false where the
-- check takes the long way. There is room for three, as new sessions have; the tables grow.
local read, write, reply = {false, false, false}, {false, false, false}, {false, false, false}
local short, granted = true, ARGV[1] == 'take'
-- A ring of one grant, and the reply for a subject without grants; all such subjects share them.
local first, none
for i = 1, #KEYS do
  local near = call('GETRANGE', KEYS[i], FIRST, LAST)
  local size = #near
  read[i], reply[i] = near, false
  if size == 0 then
    if not first then first, none = pack('>I4I4I8', 0, 1, now), pack('>I4I8I8', 0, 0, now) end
    write[i], reply[i] = first, none
  elseif size >= 16 and size < NEAR then
    local tail, count, oldest = unpack('>I4I4I8', near)
    if size == 8 + 8 * count and tail < count then
      local last = unpack('>I8', near, tail > 0 and 1 + 8 * tail or size - 7)
      if tail > 0 then oldest = unpack('>I8', near, 9 + 8 * tail) end
      local limit, resetAfter = ARGV[3 * i - 1] + 0, oldest + ARGV[3 * i] - now
      if last <= now and resetAfter > 0 and count <= limit then
        if count == limit then
          granted = false
          reply[i] = pack('>I4I8I8', count, resetAfter, now)
        elseif tail == 0 or not granted then
          if granted then
            write[i] = pack('>I4I4', 0, count + 1) .. near:sub(9) .. pack('>I8', now)
          end
          reply[i] = pack('>I4I8I8', count, resetAfter, now)
        end
      end
    end
  end
  short = short and reply[i]
end
if short then
  if granted then
    for i = 1, #KEYS do call('SET', KEYS[i], write[i], 'PX', ARGV[3 * i + 1]) end
  end
  return table.concat(reply, '', 1, #KEYS)
end
