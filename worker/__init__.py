"""The Celery process: takes a shard, makes engine requests of its rows, settles it."""
