-- Verifies the session of a request with sessiond. Usage: http-request lua.verify_session SOCKET,
-- where SOCKET is bound by a proxy that leads to sessiond.
--
-- On 200 it sets txn.session_valid, txn.session_install_id, txn.session_expires_at,
-- txn.session_key_id and txn.session_binding. A 401 is returned to the client unchanged. In all
-- other cases, including an error of the script, it sets nothing: the configuration must refuse
-- requests without txn.session_valid.
--
-- The filter sessiond_body refuses trailers, and drops the body of a preflight.

-- kept lists the headers of a refusal that are returned to the client, beside WWW-Authenticate.
local kept = {"content-type", "cache-control", "x-error-code", "dpop-nonce"}

-- only returns the value of a header that was sent exactly once, else nil.
local function only(headers, name)
	local values = headers[name]
	if values ~= nil and values[1] == nil then
		return values[0]
	end
	return nil
end

-- The service would answer 431 to credentials above its bounds. They are invalid in any case, so
-- short invalid ones take their place. A token has at most 4096 bytes, a proof 8192. A proof holds
-- the path too, so a path that would make it longer has no valid proof.
local longest_authorization, longest_proof, longest_proof_and_path = 4608, 8192, 11000

-- all returns the lines of a header, each line above a length replaced; nil if there are none.
local function all(values, longest, replacement)
	if values == nil then
		return nil
	end
	local list = {}
	for i = 0, #values do
		local value = values[i]
		if #value > longest then
			value = replacement
		end
		table.insert(list, value)
	end
	return list
end

local function verify_session(txn, socket)
	local sent = {["x-request-id"] = {txn:get_var("txn.request_id")}}
	local headers = txn.http:req_get_headers()
	-- All lines: rejecting more than one is up to the service.
	sent["authorization"] = all(headers["authorization"], longest_authorization, "Bearer -")
	sent["dpop"] = all(headers["dpop"], longest_proof, "-")
	if sent["dpop"] ~= nil then
		-- The request that the proof must be for, without its query.
		local path = txn.f:path() or "" -- OPTIONS * has none
		sent["x-forwarded-method"] = {txn.f:method()}
		sent["x-forwarded-proto"] = {only(headers, "x-forwarded-proto")} -- set by the configuration
		sent["x-forwarded-host"] = {only(headers, "host")}
		if #path + #sent["dpop"][1] <= longest_proof_and_path then
			sent["x-forwarded-uri"] = {path}
		end
	end
	-- An address instead of a name, because HAProxy would resolve a name, whatever dst says.
	local answer = core.httpclient():get{url = "http://127.0.0.1/v1/sessions/verify", dst = socket, headers = sent, timeout = 3000}
	if answer == nil or answer.headers == nil then
		return
	end
	if answer.status == 401 then
		local headers = {["www-authenticate"] = all(answer.headers["www-authenticate"], math.huge)}
		for _, name in ipairs(kept) do
			local value = only(answer.headers, name)
			if value ~= nil then
				headers[name] = {value}
			end
		end
		-- A page of another origin may read it.
		headers["access-control-allow-origin"] = {"*"}
		headers["access-control-expose-headers"] = {"WWW-Authenticate, DPoP-Nonce, X-Error-Code, X-Request-ID, Retry-After"}
		txn:done(txn:reply{status = 401, reason = "Unauthorized", headers = headers, body = answer.body})
		return
	end
	local id = only(answer.headers, "x-session-install-id")
	local expires = only(answer.headers, "x-session-expires-at")
	local key = only(answer.headers, "x-session-key-id")
	local binding = only(answer.headers, "x-session-binding")
	if answer.status ~= 200 or id == nil or expires == nil or key == nil or binding == nil then
		return
	end
	txn:set_var("txn.session_install_id", id)
	txn:set_var("txn.session_expires_at", expires)
	txn:set_var("txn.session_key_id", key)
	txn:set_var("txn.session_binding", binding)
	txn:set_var("txn.session_valid", true)
end

core.register_action("verify_session", {"http-req"}, verify_session, 1)

-- HAProxy passes trailers on, and no rule sees them. An application that takes them for headers
-- would believe a forged session. So the filter answers 400 to a request with trailers; if the
-- application has received the beginning of a long body, that request is broken off. Only a request
-- without a Content-Length can have trailers.
local Body = {id = "sessiond_body", flags = filter.FLT_CFG_FL_HTX}
Body.__index = Body

function Body:new()
	return setmetatable({}, Body)
end

function Body:http_headers(txn, message)
	if message:is_resp() then
		return
	end
	self.preflight = txn:get_var("txn.session_preflight")
	if self.preflight or message:get_headers()["content-length"] == nil then
		filter.register_data_filter(self, message.channel)
	end
end

function Body:http_payload(_, message)
	-- One byte beside the data marks the end of a chunked body; trailers are more.
	if message:eom() and message:input() > #(message:body() or "") + 1 then
		self.trailers = true
	end
	if self.preflight then
		message:remove()
	end
end

function Body:http_end()
	if self.trailers then
		return filter.ERROR
	end
end

core.register_filter("sessiond_body", Body, function(body) return body end)
