-- One decision over KEYS, all or nothing. ARGV: 'take', or 'look' to take nothing; then for each key
-- the limit, the window, and the key's life in milliseconds; then, in the conformance suite only, the
-- name of a clock and its instant. Instants and windows have one unit: microseconds for the server's
-- clock.
--
-- The answer has 20 bytes for each key: the number of grants that counted before this one, at most the
-- limit (4 bytes); the time until one of them stops counting (8; 0 if none counts); and the instant at
-- which the subject was judged (8). One string costs less than a list of numbers, on both sides.
--
-- This is the fast path, which nearly every decision takes: each subject has no grant, or a small full
-- ring buffer of which all grants count. Otherwise nothing has been written, and ring.lua and
-- decide.lua, which follow, handle all of it. Functions, tables and calls are expensive in a script, so
-- there are few here.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local clock, now = ARGV[3 * #KEYS + 2], ARGV[3 * #KEYS + 3]
if clock then
  now = tonumber(now)
else
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
-- Numbers are passed to commands as text where possible: converting them is slow on the server.
local FIRST, LAST, NEAR = '0', '135', 136 -- the first read: a whole ring buffer of 16 slots
local read, write = {false, false}, {false, false} -- room for two, the usual number; they grow
local short, granted, answer = true, ARGV[1] == 'take', ''
local first, none -- a buffer of one grant, and the answer for no grants
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
