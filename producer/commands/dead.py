"""`bydawn dead`: the dead-letter list."""

import typer
from pydantic import TypeAdapter

from jobs.dead_letters import DeadLetters, list_dead_letters
from producer import options, screen
from producer.connection import connect_store, settings_from


def dead(store: options.Store = "", as_json: options.Json = False) -> None:
    """Rows that killed the engine's process, each alone and twice; their jobs went on without them."""
    objects = connect_store(settings_from(store, None))
    letters = list(list_dead_letters(objects))
    if as_json:
        typer.echo(TypeAdapter(list[DeadLetters]).dump_json(letters, indent=2).decode())
    elif not letters:
        screen.say(f"no row has killed an engine in {objects.uri}")
    else:
        screen.show_dead_letters(letters)
