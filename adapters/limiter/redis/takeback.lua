-- Takes back one grant of each of KEYS, by its mark in ARGV: the instant at which it was given. Grants of one subject at one instant
-- cannot be told apart, and need not be: whichever goes, the same remains. A mark that is not there any more changes nothing.
local taken = 0
for k, key in ipairs(KEYS) do
  local ring, mark = open(key), tonumber(ARGV[k])
  local at = later(ring, mark, ring.count) + 1
  if at <= ring.count and instant(ring, at) == mark then
    for i = at, 2, -1 do -- those given since move up by one
      redis.call('SETRANGE', key, offset(ring, i), struct.pack('>I8', instant(ring, i - 1)))
    end
    ring.tail, ring.count = (ring.tail - 1) % ring.slots, ring.count - 1
    if ring.count == 0 then redis.call('DEL', key) else redis.call('SETRANGE', key, 0, header(ring)) end
    taken = taken + 1
  end
end
return taken
