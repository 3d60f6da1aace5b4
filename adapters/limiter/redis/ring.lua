-- A subject's last grants: a ring of instants in one string, so that a decision reads and writes a few of them in place.
--
--   bytes 0 to 3    tail: the slot that the next grant goes to; 0 where the ring is full and its oldest grant lies in slot 0
--   bytes 4 to 7    count: how many grants the ring holds, the last of them in the slot before tail
--   from byte 8     slots of 8 bytes, an instant each, oldest to latest from tail - count on, around the end
--
-- All numbers are big-endian. How many slots there are follows from the string's length. Instants and waits are whole numbers below
-- 2^53, which Lua's numbers hold exactly.

local HEAD, SLOT = 8, 8
local NEAR = HEAD + 16 * SLOT -- as much as the first read brings: all of a small ring, and no more of a large one

local function open(key)
  local near = redis.call('GETRANGE', key, 0, NEAR - 1)
  local ring = {key = key, near = near, tail = 0, count = 0, slots = 0}
  if near ~= '' then
    local size = #near
    if size == NEAR then size = redis.call('STRLEN', key) end
    ring.tail, ring.count = struct.unpack('>I4I4', near)
    ring.slots = (size - HEAD) / SLOT
  end
  return ring
end

-- offset is where the i-th last grant lies, the last being 1.
local function offset(ring, i)
  return HEAD + SLOT * ((ring.tail - i) % ring.slots)
end

local function instant(ring, i)
  local from = offset(ring, i)
  if from + SLOT <= #ring.near then
    return (struct.unpack('>I8', ring.near, from + 1))
  end
  return (struct.unpack('>I8', redis.call('GETRANGE', ring.key, from, from + SLOT - 1)))
end

-- later tells how many of the last most grants are later than an instant: by halving, for they lie in order.
local function later(ring, bound, most)
  local low, high = 0, most
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if instant(ring, middle) > bound then low = middle else high = middle - 1 end
  end
  return low
end

local function header(ring)
  return struct.pack('>I4I4', ring.tail, ring.count)
end
