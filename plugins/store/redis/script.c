/*
 * script.c - the text of the script.
 *
 * Numbers of Lua are exact up to 2^53 only. Versions, fences and sequence numbers are texts therefore, counted
 * by Redis and compared as digits.
 */
#include "script.h"

#include "plugins/common/redis/args.h"

/* clang-format off */
const char store_script[] =
LUA(
local call = redis.call
local S = KEYS[1]
local P = string.sub(S, 1, -6)
local verbs = {}

/* Redis TIME in ms; and the store's clock, which does not go back when TIME does. */
local t = call("TIME")
local raw = t[1] * 1000 + math.floor(t[2] / 1000)
local now = math.max(raw, tonumber(call("HGET", S, "clock") or "0"))

local function keep_clock()
	call("HSET", S, "clock", string.format("%.0f", now))
end

local function pad(digits)
	return string.rep("0", 19 - #digits) .. digits
end

/* --- heads --- */

local function log_names(id)
	local names = {}
	for _, field in ipairs(call("HKEYS", P .. "r:" .. id)) do
		if string.sub(field, 1, 2) == "l." then
			names[#names + 1] = string.sub(field, 3)
		end
	end
	return names
end

local function head(id)
	local key = P .. "r:" .. id
	local f = call("HMGET", key, "version", "fence", "life", "state", "num", "created", "updated",
	               "owner", "address", "till", "ttl")
	if not f[1] then
		return nil
	end
	local h = {id = id, key = key, version = f[1], fence = f[2], life = tonumber(f[3]), state = f[4], num = f[5],
	           created = tonumber(f[6]), updated = tonumber(f[7]), owner = f[8], address = f[9],
	           till = tonumber(f[10]), ttl = tonumber(f[11])}
	/* Its time is over, or Redis had to make room. */
	if h.life == 1 and call("EXISTS", P .. "b:" .. id) == 0 then
		h.life = 2
		h.unburied = true
		h.state = ""
		h.owner = ""
		h.address = ""
	end
	return h
end

/* The end of a lease by the store's clock, which may be ahead of TIME. 0: there was none. */
local function lease_end(h)
	if h.till == 0 then
		return 0
	end
	return now + math.max(h.till - raw, 0)
end

/* Why it cannot be written, or nil. */
local function closed(h, fence)
	if not h then
		return "none"
	elseif h.life == 2 then
		return "gone"
	elseif h.life == 1 then
		return "final"
	elseif fence ~= "0" and fence ~= h.fence then
		return "fenced"
	end
	return nil
end

local function bury(h)
	call("DEL", P .. "b:" .. h.id, P .. "p:" .. h.id)
	for _, name in ipairs(log_names(h.id)) do
		call("DEL", P .. "l:" .. h.id .. "/" .. name)
		call("HDEL", h.key, "l." .. name)
	end
	for _, name in ipairs(call("SMEMBERS", P .. "c:" .. h.id)) do
		call("DEL", P .. "n:" .. name)
	end
	call("DEL", P .. "c:" .. h.id)
	call("ZREM", P .. "all", h.id)
	call("ZREM", P .. "ended", h.id)
	call("ZREM", P .. "s:" .. call("HGET", h.key, "state"), h.id)
	call("HSET", h.key, "life", 2, "state", "", "owner", "", "address", "", "till", 0, "updated", now)
	call("ZADD", P .. "buried", now, h.id)
end
)
LUA(
/* --- records --- */

/* The greeting: this very call shows that the server takes writes, and by a key that was not there that it is not
 * moving our slot to another node, when it would take none. */
verbs.info = function(candidate, format)
	call("SET", P .. "greeting", "1", "PX", 1)
	call("HSETNX", S, "id", candidate)
	call("HSETNX", S, "format", format)
	keep_clock()
	return {"ok", call("HGET", S, "id"), now, call("HGET", S, "format")}
end

local function record(h, body)
	return {h.id, h.version, h.fence, h.life, h.state, h.created, h.updated, lease_end(h), h.owner, h.address,
	        body or ""}
end

verbs.get = function(id)
	local h = head(id)
	if not h then
		return {"none"}
	end
	return {"ok", now, record(h, call("GET", P .. "b:" .. id))}
end

/* 1: a stored one with this or a higher seq stayed. */
local function put_part(id, name, seq, data)
	local key = P .. "p:" .. id
	local stored = call("HGET", key, "s/" .. name)
	if seq ~= "0" and stored and pad(stored) >= pad(seq) then
		return 1
	end
	call("HSET", key, "s/" .. name, seq, "d/" .. name, data)
	return 0
end

/* Ends the lease, removes secrets, and lets all that is large end by itself. */
local function finish(h, retention)
	local parts = P .. "p:" .. h.id
	for _, field in ipairs(call("HKEYS", parts)) do
		if string.sub(field, 2, 9) == "/secret." then
			call("HDEL", parts, field)
		end
	end
	call("PEXPIRE", P .. "b:" .. h.id, retention)
	call("PEXPIRE", parts, retention)
	for _, name in ipairs(log_names(h.id)) do
		call("PEXPIRE", P .. "l:" .. h.id .. "/" .. name, retention)
	end
	for _, name in ipairs(call("SMEMBERS", P .. "c:" .. h.id)) do
		call("PEXPIRE", P .. "n:" .. name, retention)
	end
	call("HSET", h.key, "life", 1, "till", 0)
	call("ZREM", P .. "live", h.id)
	call("ZADD", P .. "ended", now + retention, h.id)
end

local function create(id, state)
	local key = P .. "r:" .. id
	local num = call("HINCRBY", S, "num", 1)
	call("HSET", key, "version", 1, "fence", 0, "life", 0, "state", state, "num", num, "created", now,
	     "updated", now, "owner", "", "address", "", "till", 0, "ttl", 0)
	call("ZADD", P .. "all", num, id)
	call("ZADD", P .. "live", num, id)
	call("ZADD", P .. "s:" .. state, num, id)
	return {id = id, key = key, version = "1"}
end

local function change(h, state)
	call("HINCRBY", h.key, "version", 1)
	h.version = call("HGET", h.key, "version")
	call("HSET", h.key, "state", state, "updated", now)
	if state ~= h.state then
		call("ZREM", P .. "s:" .. h.state, h.id)
		call("ZADD", P .. "s:" .. state, h.num, h.id)
	end
end

verbs.put = function(id, state, version, fence, life, retention, body, ...)
	local h = head(id)
	local parts = {...}
	if not h and version == "0" then
		if fence ~= "0" then
			return {"fenced", "0"}
		end
		h = create(id, state)
	else
		local why = closed(h, fence)
		if not why and version ~= h.version then
			why = "conflict"
		end
		if why then
			return {why, h and h.version or "0"}
		end
		change(h, state)
	end
	call("SET", P .. "b:" .. id, body)
	for i = 1, #parts, 3 do
		put_part(id, parts[i], parts[i + 1], parts[i + 2])
	end
	if life == "1" then
		finish(h, tonumber(retention))
	end
	keep_clock()
	return {"ok", h.version}
end

verbs.del = function(id)
	local h = head(id)
	if not h then
		return {"none"}
	elseif h.life == 0 then
		return {"busy"}
	elseif h.life == 1 or h.unburied then
		bury(h)
		keep_clock()
	end
	return {"ok"}
end
)
LUA(
/* --- leases --- */

verbs.lease = function(id, owner, address, ttl, fence)
	local h = head(id)
	local why = closed(h, fence)
	if why then
		return {why}
	end
	if fence ~= "0" and h.owner ~= owner then
		return {"fenced"}
	end
	/* TIME was set back: nobody was promised more than the ttl. */
	if h.till - raw > h.ttl then
		h.till = raw + h.ttl
		call("HSET", h.key, "till", h.till)
	end
	if fence == "0" and h.till > raw and h.owner ~= owner then
		return {"conflict", lease_end(h), h.owner, h.address}
	end
	if fence == "0" then
		call("HINCRBY", h.key, "fence", 1)
	end
	h.till = raw + ttl
	call("HSET", h.key, "owner", owner, "address", address, "till", h.till, "ttl", ttl)
	keep_clock()
	return {"ok", call("HGET", h.key, "fence"), h.version, lease_end(h)}
end

verbs.release = function(id, fence)
	local h = head(id)
	if h and h.life == 0 and h.fence == fence then
		call("HSET", h.key, "till", 0)
	end
	return {"ok"}
end

/* --- lists --- */

local function wanted(h, live, unleased)
	return h and h.life < 2 and (live == "0" or h.life == 0) and (unleased == "0" or h.till <= raw)
end

verbs.list = function(state, live, unleased, heads, cursor, limit, most)
	local key = P .. (state ~= "" and "s:" .. state or live == "1" and "live" or "all")
	local out = {"ok", now, ""}
	local bytes = 0
	local last = cursor
	while true do
		local ids = call("ZREVRANGEBYSCORE", key, cursor == "" and "+inf" or "(" .. cursor, "-inf",
		                 "LIMIT", 0, 100)
		if #ids == 0 then
			return out
		end
		for _, id in ipairs(ids) do
			local h = head(id)
			if wanted(h, live, unleased) then
				if #out == limit + 3 or bytes > tonumber(most) then
					out[3] = last
					return out
				end
				local body = heads == "0" and call("GET", P .. "b:" .. id) or ""
				bytes = bytes + #body
				out[#out + 1] = record(h, body)
				last = h.num
			end
		end
		cursor = call("ZSCORE", key, ids[#ids])
	end
end

/* --- logs --- */

local function at_least(seq)
	return "[" .. pad(seq) .. ":"
end

/* A semicolon follows the colon: no entry reads so. */
local function behind(seq)
	return "(" .. pad(seq) .. ";"
end

verbs.append = function(id, log, fence, at, entry)
	local h = head(id)
	local why = closed(h, fence)
	if why then
		return {why}
	end
	local field = "l." .. log
	local last = call("HGET", h.key, field) or "0"
	if at == "0" then
		if last == "9223372036854775807" then
			return {"conflict", last}
		end
		call("HINCRBY", h.key, field, 1)
		at = call("HGET", h.key, field)
	elseif pad(at) <= pad(last) then
		return {"conflict", last}
	else
		call("HSET", h.key, field, at)
	end
	call("ZADD", P .. "l:" .. id .. "/" .. log, 0, pad(at) .. ":" .. entry)
	return {"ok", at}
end

/* An entry numbered last must be there, else the merged one would stand where none was. */
verbs.merge = function(id, log, fence, first, last, entry)
	local why = closed(head(id), fence)
	local key = P .. "l:" .. id .. "/" .. log
	if why then
		return {why}
	end
	if call("ZLEXCOUNT", key, at_least(last), behind(last)) == 0 then
		return {"invalid"}
	end
	call("ZREMRANGEBYLEX", key, at_least(first), behind(last))
	call("ZADD", key, 0, pad(last) .. ":" .. entry)
	return {"ok"}
end

verbs.range = function(id, log, from, limit, most)
	local h = head(id)
	if not h then
		return {"none"}
	elseif h.life == 2 then
		return {"gone"}
	end
	local key = P .. "l:" .. id .. "/" .. log
	local out = {"ok", call("HGET", h.key, "l." .. log) or "0", 0}
	local bytes = 0
	local min = at_least(from)
	while true do
		local page = call("ZRANGEBYLEX", key, min, "+", "LIMIT", 0, 16)
		if #page == 0 then
			return out
		end
		for _, entry in ipairs(page) do
			if #out == limit + 3 or bytes > tonumber(most) then
				out[3] = 1
				return out
			end
			bytes = bytes + #entry
			out[#out + 1] = entry
		end
		min = behind(string.sub(page[#page], 1, 19))
	end
end
)
LUA(
/* --- parts --- */

verbs.part_put = function(id, fence, remove, name, seq, data)
	local why = closed(head(id), fence)
	if why then
		return {why}
	end
	if remove == "1" then
		call("HDEL", P .. "p:" .. id, "s/" .. name, "d/" .. name)
		return {"ok", 0}
	end
	return {"ok", put_part(id, name, seq, data)}
end

verbs.parts = function(id, prefix)
	local h = head(id)
	if not h then
		return {"none"}
	elseif h.life == 2 then
		return {"gone"}
	end
	local key = P .. "p:" .. id
	local out = {"ok"}
	for _, field in ipairs(call("HKEYS", key)) do
		if string.sub(field, 1, 2 + #prefix) == "d/" .. prefix then
			local name = string.sub(field, 3)
			out[#out + 1] = name
			out[#out + 1] = call("HGET", key, "s/" .. name)
			out[#out + 1] = call("HGET", key, field)
		end
	end
	return out
end

/* --- counters --- */

/* One that was deleted with its record is not made again. */
local function add(name, n, id)
	local key = P .. "n:" .. name
	local h = id ~= "" and head(id) or nil
	if h and h.life == 2 then
		return n
	end
	local r = redis.pcall("INCRBY", key, n)
	if type(r) == "table" then
		return "range"
	end
	if h and call("SADD", P .. "c:" .. id, name) == 1 and h.life == 1 then
		local left = call("PTTL", P .. "b:" .. id)
		call("PEXPIRE", key, left)
		call("PEXPIRE", P .. "c:" .. id, left)
	end
	return call("GET", key)
end

verbs.add = function(...)
	local items = {...}
	local out = {"ok"}
	for i = 1, #items, 3 do
		local value = add(items[i], items[i + 1], items[i + 2])
		if value == "range" then
			return {"range"}
		end
		out[#out + 1] = value
	end
	return out
end

verbs.read = function(...)
	local out = {"ok"}
	for _, name in ipairs({...}) do
		out[#out + 1] = call("GET", P .. "n:" .. name) or "0"
	end
	return out
end

verbs.reset = function(...)
	local out = {"ok"}
	for _, name in ipairs({...}) do
		local key = P .. "n:" .. name
		out[#out + 1] = call("GET", key) or "0"
		if out[#out] ~= "0" then
			call("INCRBY", key, "-" .. out[#out]) /* its time to live stays */
		end
	end
	return out
end

/* --- retention --- */

verbs.reap = function(tombstone_ttl)
	local ended = call("ZRANGEBYSCORE", P .. "ended", "-inf", now, "LIMIT", 0, 10)
	local buried = call("ZRANGEBYSCORE", P .. "buried", "-inf", now - tombstone_ttl, "LIMIT", 0, 100)
	for _, id in ipairs(ended) do
		local h = head(id)
		if h and (h.life == 1 or h.unburied) then
			bury(h)
		else
			call("ZREM", P .. "ended", id)
		end
	end
	for _, id in ipairs(buried) do
		call("DEL", P .. "r:" .. id)
		call("ZREM", P .. "buried", id)
	end
	return {"ok", (#ended == 10 or #buried == 100) and 1 or 0}
end

local verb = table.remove(ARGV, 1)
return verbs[verb](unpack(ARGV))
);
