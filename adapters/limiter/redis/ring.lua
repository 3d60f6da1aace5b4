-- A subject's last grants: a ring buffer of instants in one string, so that a decision reads and
-- writes few of them in place.
--
--   bytes 0 to 3    tail: the slot of the next grant; 0 where it is full and slot 0 is the oldest
--   bytes 4 to 7    count: how many grants the ring holds, the last of them in the slot before tail
--   from byte 8     slots of 8 bytes, an instant each, the oldest at tail - count, wrapping
--
-- All numbers are big-endian. The number of slots follows from the length of the string. Instants
-- and waits are whole numbers below 2^53, which Lua's numbers represent exactly.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local HEAD, SLOT = 8, 8
local NEAR = HEAD + 16 * SLOT -- the length of the first read: all of a small ring

-- open returns the ring that the first read brought; where there was no read yet, it reads. A
-- string that is no ring was not written by these scripts: it counts as no grants, and the next
-- grant replaces it. If it were an error, it would stay for ever, and be an outage for every
-- subject.
local function open(key, near)
  near = near or call('GETRANGE', key, 0, NEAR - 1)
  local size = #near
  if size == NEAR then size = call('STRLEN', key) end
  if size >= HEAD + SLOT and size % SLOT == 0 then
    local tail, count = unpack('>I4I4', near)
    local slots = (size - HEAD) / SLOT
    if count >= 1 and count <= slots and tail < slots then
      return {key = key, near = near, tail = tail, count = count, slots = slots}
    end
  end
  return {key = key, near = '', tail = 0, count = 0, slots = 0}
end

-- offset returns the position of the i-th last grant; the last one is 1.
local function offset(ring, i)
  return HEAD + SLOT * ((ring.tail - i) % ring.slots)
end

local function instant(ring, i)
  local from = offset(ring, i)
  if from + SLOT <= #ring.near then
    return (unpack('>I8', ring.near, from + 1))
  end
  return (unpack('>I8', call('GETRANGE', ring.key, from, from + SLOT - 1)))
end

-- later returns how many of the last most grants are later than an instant: often all of them,
-- otherwise by binary search, since they are in order.
local function later(ring, bound, most)
  local low, high = 0, most
  local middle = most
  while low < high do
    if instant(ring, middle) > bound then low = middle else high = middle - 1 end
    middle = high - (high - low - (high - low) % 2) / 2
  end
  return low
end

local function header(ring)
  return pack('>I4I4', ring.tail, ring.count)
end
