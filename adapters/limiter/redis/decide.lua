-- One decision over KEYS, all or nothing. ARGV: what to do ('take', or 'look' to take nothing), whose clock ('server', or one of the
-- suite's), its instant, and for each key the limit, the window and the key's life in milliseconds. Instants and
-- windows are in one unit: microseconds by the server's clock.
--
-- It answers four numbers for each key: how many were left before the grant, how long until that grows, how long until there may be a grant (0:
-- now), and the instant at which the subject was judged.

-- settle writes grants that are later than now as given now: the server's clock was stepped back. Nothing else would end their
-- block within one window, for the clock may take hours to come to them. The key's end is an instant of that same clock, and so late enough.
local function settle(ring, now)
  local ahead = later(ring, now, ring.count)
  local first = (ring.tail - ahead) % ring.slots
  local straight = math.min(ahead, ring.slots - first)
  local given = struct.pack('>I8', now)
  redis.call('SETRANGE', ring.key, HEAD + SLOT * first, string.rep(given, straight))
  if straight < ahead then redis.call('SETRANGE', ring.key, HEAD, string.rep(given, ahead - straight)) end
  return open(ring.key)
end

-- look judges one subject, before anything is taken.
local function look(key, limit, window, life, clock, now)
  local ring = open(key)
  if ring.count > 0 then
    local last = instant(ring, 1)
    if last > now then
      if clock == 'caller' then now = last else ring = settle(ring, now) end
    end
  end
  local stand = {ring = ring, limit = limit, life = life, at = now, left = 0, grows = 0, retry = 0}
  if ring.count >= limit then
    local wait = instant(ring, limit) + window - now
    if wait > 0 then
      stand.grows, stand.retry = wait, wait
      return stand
    end
  end
  stand.counted = later(ring, now - window, ring.count)
  stand.left = limit - stand.counted
  if stand.counted > 0 then stand.grows = instant(ring, stand.counted) + window - now end
  return stand
end

-- put writes the grant into a slot: a small ring as a whole, a large one in place.
local function put(ring, slot, at, life)
  local given = struct.pack('>I8', at)
  ring.tail = (slot + 1) % ring.slots
  local from = HEAD + SLOT * slot
  if HEAD + SLOT * ring.slots <= NEAR then
    local near = ring.near
    redis.call('SET', ring.key, header(ring) .. near:sub(HEAD + 1, from) .. given .. near:sub(from + SLOT + 1), 'PX', life)
    return
  end
  redis.call('SETRANGE', ring.key, from, given)
  redis.call('SETRANGE', ring.key, 0, header(ring))
  redis.call('PEXPIRE', ring.key, life)
end

-- widen writes the ring anew with room for limit grants, oldest first. It is the one write that grows with the ring, once for a subject whose
-- limit was raised while it held more grants than it had room for.
local function widen(ring, limit)
  local cut = HEAD + SLOT * ring.tail
  local grants = redis.call('GETRANGE', ring.key, cut, -1) .. redis.call('GETRANGE', ring.key, HEAD, cut - 1)
  ring.tail = ring.count
  local whole = header(ring) .. grants .. string.rep('\0', SLOT * (limit - ring.count))
  redis.call('SET', ring.key, whole)
  ring.near, ring.slots = whole:sub(1, NEAR), limit
end

-- take counts a grant. It drops none that counts: the oldest gives way only where it has left the window.
local function take(stand)
  local ring = stand.ring
  if stand.counted == 0 then -- nothing counts: begin anew, as small as can be
    ring.near, ring.count, ring.slots = '', 1, 1
    put(ring, 0, stand.at, stand.life)
    return
  end
  if ring.count == ring.slots then
    if ring.tail == 0 and ring.slots < stand.limit then -- not around the end yet: grow at the end
      ring.count, ring.slots = ring.count + 1, ring.slots + 1
      put(ring, ring.slots - 1, stand.at, stand.life)
      return
    end
    if stand.counted < ring.count then
      put(ring, ring.tail, stand.at, stand.life)
      return
    end
    widen(ring, stand.limit)
  end
  ring.count = ring.count + 1
  put(ring, ring.tail, stand.at, stand.life)
end

local clock, now = ARGV[2], tonumber(ARGV[3])
if clock == 'server' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local stands, answer, granted = {}, {}, ARGV[1] == 'take'
for i, key in ipairs(KEYS) do
  local from = 3 * i + 1
  local stand = look(key, tonumber(ARGV[from]), tonumber(ARGV[from + 1]), ARGV[from + 2], clock, now)
  stands[i] = stand
  granted = granted and stand.retry == 0
  local to = 4 * i
  answer[to - 3], answer[to - 2], answer[to - 1], answer[to] = stand.left, stand.grows, stand.retry, stand.at
end
if granted then
  for _, stand in ipairs(stands) do take(stand) end
end
return answer
