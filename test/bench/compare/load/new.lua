-- A request for a session by a new installation from a new address each time.
local n = 0
local base

function init()
	math.randomseed(os.time() + tonumber(tostring({}):sub(10), 16) % 1000000)
	base = math.random(1, 20000) * 100000
end

function request()
	n = n + 1
	local a = base + n
	local address = string.format("%d.%d.%d.%d", 20 + math.floor(a / 16777216) % 180,
		math.floor(a / 65536) % 256, math.floor(a / 256) % 256, a % 256)
	return wrk.format("POST", nil,
		{ ["Content-Type"] = "application/json", ["X-Forwarded-For"] = address },
		string.format('{"install_id":"install-%d","app_version":"1.0","platform":"ios"}', a))
end
