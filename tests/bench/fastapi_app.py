"""The spec's kind of target, as small as it gets: FastAPI, redis asyncio, one counter."""

import os

import redis.asyncio as redis
from fastapi import FastAPI

app = FastAPI()
counter = redis.Redis(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]))


@app.post("/hit")
async def hit():
    return {"total_hits": await counter.incr("total_hits")}


@app.get("/stats")
async def stats():
    return {"total_hits": int(await counter.get("total_hits") or 0)}


@app.post("/reset")
async def reset():
    await counter.set("total_hits", 0)
    return {"total_hits": 0}
