-- The slow path of a decision, for whatever short.lua does not handle. It uses short.lua's clock, now
-- and first reads. Nothing has been written yet.

-- settle rewrites grants that are later than now as given now: the server's clock was stepped back.
-- Otherwise they would block for longer than a window, because the clock may take hours to reach them.
-- The key's expiry is an instant of the same clock, so it is late enough.
local function settle(ring, now)
  local ahead = later(ring, now, ring.count)
  local first = (ring.tail - ahead) % ring.slots
  local straight = math.min(ahead, ring.slots - first)
  local given = pack('>I8', now)
  call('SETRANGE', ring.key, HEAD + SLOT * first, string.rep(given, straight))
  if straight < ahead then call('SETRANGE', ring.key, HEAD, string.rep(given, ahead - straight)) end
  return open(ring.key)
end

-- look returns the state of one subject, before anything is taken.
local function look(key, near, limit, window, life, now)
  local ring = open(key, near)
  local count = ring.count
  if count == 0 then return {ring = ring, limit = limit, life = life, at = now, counted = 0, grows = 0} end
  local last = instant(ring, 1)
  if last > now then
    if clock == 'caller' then now = last else ring = settle(ring, now) end
  end
  if count >= limit then
    local wait = instant(ring, limit) + window - now
    if wait > 0 then return {ring = ring, limit = limit, life = life, at = now, counted = limit, grows = wait} end
  end
  local counted, grows = later(ring, now - window, count), 0
  if counted > 0 then grows = instant(ring, counted) + window - now end
  return {ring = ring, limit = limit, life = life, at = now, counted = counted, grows = grows}
end

-- put writes the grant into a slot: a small buffer as a whole, a large one in place.
local function put(ring, slot, at, life)
  local from = HEAD + SLOT * slot
  ring.tail = (slot + 1) % ring.slots
  if HEAD + SLOT * ring.slots <= NEAR then
    local near = ring.near
    call('SET', ring.key, header(ring) .. near:sub(HEAD + 1, from) .. pack('>I8', at) .. near:sub(from + SLOT + 1), 'PX', life)
    return
  end
  call('SETRANGE', ring.key, from, pack('>I8', at))
  call('SETRANGE', ring.key, '0', header(ring))
  call('PEXPIRE', ring.key, life)
end

-- widen rewrites the buffer with room for limit grants, oldest first. It is the only write whose size
-- grows with the buffer: once for a subject whose limit was raised while its buffer was full.
local function widen(ring, limit)
  local cut = HEAD + SLOT * ring.tail
  local grants = call('GETRANGE', ring.key, cut, -1) .. call('GETRANGE', ring.key, HEAD, cut - 1)
  ring.tail = ring.count
  local whole = header(ring) .. grants .. string.rep('\0', SLOT * (limit - ring.count))
  call('SET', ring.key, whole)
  ring.near, ring.slots = whole:sub(1, NEAR), limit
end

-- take adds a grant. It drops the oldest only if that has left the window.
local function take(stand)
  local ring = stand.ring
  if stand.counted == 0 then -- nothing counts: start with the smallest buffer
    call('SET', ring.key, pack('>I4I4I8', 0, 1, stand.at), 'PX', stand.life)
    return
  end
  if ring.count == ring.slots then
    if stand.counted < ring.count then
      put(ring, ring.tail, stand.at, stand.life)
      return
    end
    if ring.tail == 0 and ring.slots < stand.limit then -- not wrapped around yet: append
      ring.count, ring.slots = ring.count + 1, ring.slots + 1
      put(ring, ring.slots - 1, stand.at, stand.life)
      return
    end
    widen(ring, stand.limit)
  end
  ring.count = ring.count + 1
  put(ring, ring.tail, stand.at, stand.life)
end

local stands = {}
granted, answer = ARGV[1] == 'take', ''
for i, key in ipairs(KEYS) do
  local stand = look(key, read[i], tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), ARGV[3 * i + 1], now)
  stands[i] = stand
  granted = granted and stand.counted < stand.limit
  answer = answer .. pack('>I4I8I8', stand.counted, stand.grows, stand.at)
end
if granted then
  for _, stand in ipairs(stands) do take(stand) end
end
return answer
