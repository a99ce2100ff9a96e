"""What can go wrong in the engine, sorted by who can mend it.

EngineError
|-- RequestError          the request: change it and send it again
|   `-- RequestTooLong    ... it is longer than the engine can hold
|-- ModelError            the model or its settings: another model, other files, other memory
`-- EngineClosed          nobody: the engine has been closed
"""


class EngineError(Exception):
    """Anything the engine raises; by itself, a step that failed under a request."""


class RequestError(EngineError):
    """The request cannot be served as it is."""


class RequestTooLong(RequestError):
    """Prompt, choices and output together exceed what one sequence may hold."""


class ModelError(EngineError):
    """The model cannot be found, loaded or run here."""


class EngineClosed(EngineError):
    """The engine was closed before or while the request ran."""
