-- Takes back one grant of each of KEYS, by its mark in ARGV: the instant of the grant. Grants of
-- one subject at the same instant cannot be distinguished, and need not be: the result is the same.
-- A mark that is no longer there changes nothing.
local taken = 0
for k, key in ipairs(KEYS) do
  local ring, mark = open(key), tonumber(ARGV[k])
  local at = later(ring, mark, ring.count) + 1
  if at <= ring.count and instant(ring, at) == mark then
    for i = at, 2, -1 do -- later grants move up by one
      redis.call('SETRANGE', key, offset(ring, i), struct.pack('>I8', instant(ring, i - 1)))
    end
    ring.tail, ring.count = (ring.tail - 1) % ring.slots, ring.count - 1
    if ring.count == 0 then
      redis.call('DEL', key)
    else
      redis.call('SETRANGE', key, 0, header(ring))
    end
    taken = taken + 1
  end
end
return taken
