-- One decision over KEYS, all or nothing. ARGV: what to do ('take', or 'look' to take nothing), and for each key the limit, the window and the
-- key's life in milliseconds; then, from the suite alone, whose clock it goes by and that clock's instant. Instants and windows are in one
-- unit: microseconds by the server's clock.
--
-- It answers 20 bytes for each key: how many grants counted before this one, at most the limit (4 bytes), how long until one of them counts no
-- more (8; 0: none does), and the instant at which the subject was judged (8). One text costs less than a list of numbers, on both sides.
--
-- This is the short way, which nearly every decision goes: each subject has no grant, or a small ring without room to spare of which all grants
-- count. Where one has not, nothing was written, and all is left to ring.lua and decide.lua, which follow. Functions, tables and calls are what
-- costs in a script, so there are hardly any here.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local clock, now = ARGV[3 * #KEYS + 2], ARGV[3 * #KEYS + 3]
if clock then
  now = tonumber(now)
else
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- All numbers of a command go as text where they can: the server is slow to make it of a number.
local FIRST, LAST, NEAR = '0', '135', 136 -- a subject's first read: all of a ring of 16 slots, and no more of a larger one
local read, write = {false, false}, {false, false} -- with room for two, which is what most ask; they grow
local short, granted, answer = true, ARGV[1] == 'take', ''
local first, none -- a ring of one grant, and the answer for a subject without any: of several such, all have the same
for i = 1, #KEYS do
  local near = call('GETRANGE', KEYS[i], FIRST, LAST)
  local size = #near
  read[i] = near
  if size == 0 then
    if not first then first, none = pack('>I4I4I8', 0, 1, now), pack('>I4I8I8', 0, 0, now) end
    write[i], answer = first, answer .. none
  elseif size >= 16 and size < NEAR then
    local tail, count, oldest = unpack('>I4I4I8', near)
    if size ~= 8 + 8 * count or tail >= count then short = false break end
    local last = unpack('>I8', near, tail > 0 and 1 + 8 * tail or size - 7)
    if tail > 0 then oldest = unpack('>I8', near, 9 + 8 * tail) end
    local limit, grows = ARGV[3 * i - 1] + 0, oldest + ARGV[3 * i] - now
    if last > now or grows <= 0 or count > limit then short = false break end
    if count == limit then
      granted = false
    elseif granted then
      if tail > 0 then short = false break end
      write[i] = pack('>I4I4', 0, count + 1) .. near:sub(9) .. pack('>I8', now)
    end
    answer = answer .. pack('>I4I8I8', count, grows, now)
  else
    short = false
    break
  end
end
if short then
  if granted then
    for i = 1, #KEYS do call('SET', KEYS[i], write[i], 'PX', ARGV[3 * i + 1]) end
  end
  return answer
end
