/*
 * script.c - the text of the script.
 */
#include "script.h"

#include "plugins/common/redis/args.h"

/* clang-format off */
const char queue_script[] =
LUA(
local call = redis.call
local JOBS = KEYS[1]
local P = string.sub(JOBS, 1, -5)
local LOCKS = P .. "locks"
local DEAD = P .. "dead"
local GROUP = "orchestrators"
local verbs = {}

local t = call("TIME")
local raw = t[1] * 1000 + math.floor(t[2] / 1000)

/* From 0: what was published before the first reader counts. An error of another kind is met again. */
local function make_group()
	redis.pcall("XGROUP", "CREATE", JOBS, GROUP, "0", "MKSTREAM")
end

/* The answer of a command on the group, which somebody may have removed with all the keys. */
local function with_group(...)
	local r = redis.pcall(...)
	if type(r) == "table" and r.err then
		if string.find(r.err, "NOGROUP") then
			make_group()
		end
		r = call(...)
	end
	return r
end

local function fields_of(entry)
	local f = {}
	for i = 1, #entry[2], 2 do
		f[entry[2][i]] = entry[2][i + 1]
	end
	return f
end

local function read(eid)
	local found = call("XRANGE", JOBS, eid, eid)
	return found[1] and fields_of(found[1]) or nil
end

local function forget(eid)
	call("XACK", JOBS, GROUP, eid)
	call("XDEL", JOBS, eid)
	call("HDEL", LOCKS, eid)
end

local function bury(eid, f, attempts, most, reason, description)
	call("XADD", DEAD, "MAXLEN", "~", most, "*", "id", f.id or "", "edition", f.edition or "0",
	     "submitted", f.submitted or "0", "body", f.body or "", "src", eid, "attempts", attempts,
	     "reason", reason, "description", description)
	forget(eid)
end

/* Token and end of the lock. */
local function lock_of(eid)
	local token, till, len = string.match(call("HGET", LOCKS, eid) or "", "^(%d+) (%d+) (%d+)$")
	if not token then
		return "", 0
	end
	/* TIME was set back: no lock is longer than it was. */
	if tonumber(till) - raw > tonumber(len) then
		till = raw + len
		call("HSET", LOCKS, eid, token .. " " .. string.format("%.0f", till) .. " " .. len)
	end
	return token, tonumber(till)
end

local function lock(eid, token, len)
	call("HSET", LOCKS, eid, token .. " " .. string.format("%.0f", raw + len) .. " " .. len)
end

local function attempts_of(eid)
	local p = with_group("XPENDING", JOBS, GROUP, eid, eid, 1)
	return p[1] and p[1][4] or nil
end

/* Makes a key that was not there: a node that is moving our slot takes none. */
verbs.hello = function(format)
	call("SET", P .. "greeting", "1", "PX", 1)
	make_group()
	call("HSETNX", P .. "queue", "format", format)
	return {"ok", call("HGET", P .. "queue", "format")}
end

/* Seen is noted behind the message: when a full server refuses, it refuses both. */
verbs.publish = function(id, edition, submitted, body, seen_ms, most)
	local seen = P .. "seen:" .. id .. "/" .. edition
	if id ~= "" and call("EXISTS", seen) == 1 then
		return {"ok"}
	end
	if call("XLEN", JOBS) >= tonumber(most) then
		return {"full"}
	end
	call("XADD", JOBS, "*", "id", id, "edition", edition, "submitted", submitted, "body", body)
	if id ~= "" then
		call("SET", seen, "1", "PX", seen_ms)
	end
	return {"ok"}
end
)
LUA(
/* --- taking --- */

local function give(out, eid, f, attempt, len)
	local token = call("HINCRBY", P .. "queue", "token", 1)
	lock(eid, token, len)
	out[#out + 1] = {eid, token, attempt, f.id or "", f.edition or "0", f.submitted or "0", f.body or ""}
end

local function behind(eid)
	local ms, seq = string.match(eid, "^(%d+)-(%d+)$")
	return ms .. "-" .. string.format("%.0f", seq + 1)
end

/* What came back, or whose lock ran out. */
local function take_again(eid, attempts, out, buried, len, max, dead_most)
	local f = read(eid)
	if not f then
		forget(eid)
	elseif attempts > max then
		bury(eid, f, attempts, dead_most, "max_deliveries", "every delivery of it ran out unsettled")
		buried[#buried + 1] = f.id or ""
	else
		call("XCLAIM", JOBS, GROUP, "squall", 0, eid, "RETRYCOUNT", attempts + 1, "JUSTID")
		give(out, eid, f, attempts + 1, len)
	end
end

verbs.take = function(most, len, max, dead_most)
	local out = {}
	local buried = {}
	local from = "-"
	most = tonumber(most)
	while #out < most do
		local page = with_group("XPENDING", JOBS, GROUP, from, "+", 100)
		for _, p in ipairs(page) do
			local token, till = lock_of(p[1])
			if till <= raw and #out < most then
				take_again(p[1], p[4], out, buried, len, tonumber(max), dead_most)
			end
		end
		if #page < 100 then
			break
		end
		from = behind(page[#page][1])
	end
	if #out < most then
		local new = with_group("XREADGROUP", "GROUP", GROUP, "squall", "COUNT", most - #out, "STREAMS", JOBS, ">")
		for _, entry in ipairs(new and new[1][2] or {}) do
			give(out, entry[1], fields_of(entry), 1, len)
		end
	end
	return {"ok", buried, out}
end

/* --- settling --- */

local function mine(eid, token)
	return lock_of(eid) == token
end

local function come_back(eid, attempts, pause)
	call("XCLAIM", JOBS, GROUP, "squall", 0, eid, "RETRYCOUNT", attempts, "JUSTID")
	lock(eid, "0", pause)
	return {"ok", 0}
end

verbs.settle = function(eid, token, how, max, pause, dead_most, reason, description)
	if not mine(eid, token) then
		return {"gone"}
	end
	local attempts = attempts_of(eid)
	local f = attempts and read(eid)
	if not f then
		forget(eid)
		return {"gone"}
	end
	if how == "release" then
		return come_back(eid, attempts - 1, pause)
	elseif how == "retry" and attempts < tonumber(max) then
		return come_back(eid, attempts, pause)
	elseif how == "retry" then
		bury(eid, f, attempts, dead_most, "max_deliveries", "it failed at its last delivery")
		return {"ok", 1}
	elseif how == "dead" then
		bury(eid, f, attempts, dead_most, reason, description)
	else
		forget(eid)
	end
	return {"ok", 0}
end

verbs.renew = function(eid, token, len)
	if not mine(eid, token) then
		return {"gone"}
	end
	lock(eid, token, len)
	return {"ok"}
end

/* Old dead letters. */
verbs.clean = function(age)
	local old = call("XRANGE", DEAD, "-", string.format("%.0f", raw - age), "COUNT", 100)
	for _, entry in ipairs(old) do
		call("XDEL", DEAD, entry[1])
	end
	return {"ok", #old == 100 and 1 or 0}
end

local verb = table.remove(ARGV, 1)
return verbs[verb](unpack(ARGV))
);
