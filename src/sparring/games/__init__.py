"""The table of games."""

from sparring.registry import Registry

GAMES = Registry(
    "game",
    {
        "adversarial": "sparring.games.adversarial:AdversarialGame",
        "encoding": "sparring.games.encoding:EncodingGame",
    },
)
