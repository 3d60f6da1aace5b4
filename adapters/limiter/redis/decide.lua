-- The long way of a decision, for the checks that short.lua does not handle. It uses the variables
-- of short.lua, which has written nothing for this decision but the keys that it made.

-- settle changes grants that are later than now to now: the server's clock was stepped back.
-- Otherwise they would block the subject for longer than one window, since the clock may take hours
-- to reach them. The key expires by the same clock, and therefore late enough.
local function settle(ring, now)
  local ahead = later(ring, now, ring.count)
  local first = (ring.tail - ahead) % ring.slots
  local straight = math.min(ahead, ring.slots - first)
  local instants = pack('>I8', now)
  call('SETRANGE', ring.key, HEAD + SLOT * first, string.rep(instants, straight))
  if straight < ahead then
    call('SETRANGE', ring.key, HEAD, string.rep(instants, ahead - straight))
  end
  return open(ring.key)
end

-- inspect returns the state of one subject, before anything is taken.
local function inspect(key, near, limit, window, life, now)
  local ring = open(key, near)
  local count = ring.count
  if count == 0 then
    return {ring = ring, limit = limit, life = life, at = now, counted = 0, resetAfter = 0}
  end
  local last = instant(ring, 1)
  if last > now then
    if clock == 'caller' then now = last else ring = settle(ring, now) end
  end
  if count >= limit then
    local wait = instant(ring, limit) + window - now
    if wait > 0 then
      return {ring = ring, limit = limit, life = life, at = now, counted = limit, resetAfter = wait}
    end
  end
  local counted, resetAfter = later(ring, now - window, count), 0
  if counted > 0 then resetAfter = instant(ring, counted) + window - now end
  return {ring = ring, limit = limit, life = life, at = now, counted = counted,
    resetAfter = resetAfter}
end

-- put writes a grant into a slot: a small ring is written as a whole, a large one in place.
local function put(ring, slot, at, life)
  local from = HEAD + SLOT * slot
  ring.tail = (slot + 1) % ring.slots
  if HEAD + SLOT * ring.slots <= NEAR then
    local near = ring.near
    local slots = near:sub(HEAD + 1, from) .. pack('>I8', at) .. near:sub(from + SLOT + 1)
    call('SET', ring.key, header(ring) .. slots, 'PX', life)
    return
  end
  call('SETRANGE', ring.key, from, pack('>I8', at))
  call('SETRANGE', ring.key, '0', header(ring))
  call('PEXPIRE', ring.key, life)
end

-- widen rewrites the ring with twice the room, but none for more grants than limit, oldest first. It
-- is the only write whose size grows with the ring. It happens where the ring has wrapped, and a
-- subject then gets more grants in a window than before. Room for limit grants at once would let
-- three grants take as much memory as thousands, for as many subjects as somebody has addresses.
local function widen(ring, limit)
  local cut = HEAD + SLOT * ring.tail
  local grants = call('GETRANGE', ring.key, cut, -1) .. call('GETRANGE', ring.key, HEAD, cut - 1)
  local slots = math.min(2 * ring.count, limit)
  ring.tail = ring.count
  local whole = header(ring) .. grants .. string.rep('\0', SLOT * (slots - ring.count))
  call('SET', ring.key, whole)
  ring.near, ring.slots = whole:sub(1, NEAR), slots
end

-- take adds a grant. It drops no grant that counts: the oldest is replaced only after it left the
-- window.
local function take(state)
  local ring = state.ring
  if state.counted == 0 then -- nothing counts: start again with the smallest ring
    call('SET', ring.key, pack('>I4I4I8', 0, 1, state.at), 'PX', state.life)
    return
  end
  if ring.count == ring.slots then
    if state.counted < ring.count then
      put(ring, ring.tail, state.at, state.life)
      return
    end
    if ring.tail == 0 and ring.slots < state.limit then -- the ring has not wrapped: append
      ring.count, ring.slots = ring.count + 1, ring.slots + 1
      put(ring, ring.slots - 1, state.at, state.life)
      return
    end
    widen(ring, state.limit)
  end
  ring.count = ring.count + 1
  put(ring, ring.tail, state.at, state.life)
end

-- far makes the decision that near did not make.
local function far()
  local states = {}
  for i = 1, n do
    local k, term = base + i, kinds[base + i]
    if not reply[k] then
      local state = inspect(KEYS[k], read[i], limits[term], windows[term], lives[term], now)
      states[i] = state
      granted = granted and state.counted < state.limit
      reply[k] = pack('>I4I8I8', state.counted, state.resetAfter, state.at)
    end
  end
  if granted then
    for i = 1, n do
      if states[i] then
        take(states[i])
      elseif counts[i] then
        append(i)
      end
    end
  else
    undo()
  end
  at, base = at + 1, base + n
end

repeat
  far()
  while at <= #sizes and near() do end
until at > #sizes
return table.concat(reply, '', 1, base)
