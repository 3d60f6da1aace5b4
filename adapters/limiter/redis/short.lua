-- One decision over KEYS, all or nothing. ARGV: what to do ('take', or 'look' to take nothing), whose clock ('server', or one of the
-- suite's), its instant, and for each key the limit, the window and the key's life in milliseconds. Instants and
-- windows are in one unit: microseconds by the server's clock.
--
-- It answers four numbers for each key: how many were left before the grant, how long until that grows, how long until there may be a grant (0:
-- now), and the instant at which the subject was judged.
--
-- This is the short way, which nearly every decision goes: each subject has no grant, or a small ring without room to spare of which all grants
-- count. Where one has not, nothing was written, and all is left to ring.lua and decide.lua, which follow. Functions and tables are what costs
-- in a script, so there are hardly any here.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local clock, now = ARGV[2], tonumber(ARGV[3])
if clock == 'server' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- All numbers of a command go as text where they can: the server is slow to make it of a number.
local FIRST, LAST, NEAR = '0', '135', 136 -- a subject's first read: all of a ring of 16 slots, and no more of a larger one
local read, write, short, granted = {}, {'', ''}, true, ARGV[1] == 'take'
local answer = #KEYS == 1 and {0, 0, 0, 0} or {0, 0, 0, 0, 0, 0, 0, 0} -- with room for two, which is what most ask; it grows
for i = 1, #KEYS do
  local near, limit, window = call('GETRANGE', KEYS[i], FIRST, LAST), ARGV[3 * i + 1] + 0, ARGV[3 * i + 2] + 0
  local size, left, grows, retry = #near, limit, 0, 0
  read[i] = near
  if size == 0 then
    if granted then write[i] = pack('>I4I4I8', 0, 1, now) end
  elseif size < NEAR then
    local tail, count, first = unpack('>I4I4I8', near)
    local oldest, last = first, (unpack('>I8', near, tail > 0 and 1 + 8 * tail or size - 7))
    if tail > 0 then oldest = unpack('>I8', near, 9 + 8 * tail) end
    left, grows = limit - count, oldest + window - now
    if size ~= 8 + 8 * count or last > now or grows <= 0 or left < 0 then short = false break end
    if left == 0 then
      retry, granted = grows, false
    elseif granted then
      if tail > 0 then short = false break end
      write[i] = pack('>I4I4', 0, count + 1) .. near:sub(9) .. pack('>I8', now)
    end
  else
    short = false
    break
  end
  local to = 4 * i
  answer[to - 3], answer[to - 2], answer[to - 1], answer[to] = left, grows, retry, now
end
if short then
  if granted then
    for i = 1, #KEYS do call('SET', KEYS[i], write[i], 'PX', ARGV[3 * i + 3]) end
  end
  return answer
end
