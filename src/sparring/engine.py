"""The loop: clock, batches, game, optimisers, moving average, hooks. It computes no metric and prints nothing.

Everything that happens in a step is a function of the clock (samples seen) and of the weights, so a state saved
at any step goes on exactly as if it had never been saved. The engine alone knows of device, precision, memory
format and distribution.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sparring import distribution, ema, schedule
from sparring.augment.base import Augment, View
from sparring.config import Config, replace
from sparring.data.feed import Feed
from sparring.errors import RunError
from sparring.games.base import PLAIN, Game
from sparring.objectives import OBJECTIVES
from sparring.optimisers import flatten_optimiser, make_optimiser, set_rates, unflatten_optimiser
from sparring.priors.gaussian import Gaussian
from sparring.rng import torch_stream

# the probability of augmentation moves every so many steps, from 0 to 1 in this share of the budget at the fastest
ADAPT_STEPS, ADAPT_SHARE, MOST_AUGMENTED = 8, 0.15, 0.9
MOST_RAISED = 0.4  # of the loss to keep, and never beyond the one at which the discriminator cannot tell


class Hook:
    """What may look on: called after every step, and at both ends. Every method may be left out."""

    def start(self, engine: "Engine") -> None:
        """Before the first step, at the clock that a resumed run goes on from."""

    def step(self, engine: "Engine", numbers: Any) -> None:
        """After a step, with the numbers of its game; the clock is past it."""

    def end(self, engine: "Engine") -> None:
        """After the last step."""

    def close(self) -> None:
        """However training ended, also by an error."""

    def state(self) -> dict[str, Any]:
        """JSON values that `restore` takes back, so that a resumed run goes on exactly."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """Tensors that `restore` takes back."""
        return {}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Take back what `state` and `tensors` gave."""


@dataclass
class Progress:
    """Where a training stands: all that is saved besides weights and optimisers.

    Attributes:
        clock: samples seen.
        rollbacks: how often training was rolled back; each halves the learning rate and doubles gamma.
        probability: with which the discriminator sees an item augmented, as its loss has moved it so far.
        raised: by what share the loss to keep is raised, for what the generator remembers.
        stopped: why training ended early, in words, or nothing.
    """

    clock: int = 0
    rollbacks: int = 0
    probability: float = 0.0
    raised: float = 0.0
    stopped: str = ""


@dataclass(frozen=True)
class Settings:
    """The schedules' values at one moment."""

    gamma: float
    learning_rate: float
    beta2: float
    ema_half_life: float
    probability: float


@dataclass
class Engine:
    """Trains the players of a game on a feed.

    Attributes:
        game: the players and one update of each.
        feed: batches by clock.
        prior: latents.
        config: a resolved configuration.
        device: where to compute.
        begin: the clock at which this game begins, which may follow another one.
        end: the clock at which it ends; that of the whole budget where None.
        hooks: who looks on, in order.
        augment: what the discriminator sees instead of plain items, or nothing.
        alone: whether to leave the other processes of a distributed run out.
    """

    game: Game
    feed: Feed
    prior: Gaussian
    config: Config
    device: torch.device
    begin: int = 0
    end: int | None = None
    hooks: Sequence[Hook] = ()
    progress: Progress = field(default_factory=Progress)
    augment: Augment | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        self.rank = 0 if self.alone else distribution.rank()
        self.world = 1 if self.alone else distribution.world_size()
        for network in self.game.players.values():
            place(network, self.device)
        self.averaged = ema.average(self.game.players[self.game.averaged])
        self.total = (self.config.budget.samples or 0) if self.end is None else self.end
        self.progress.clock = max(self.progress.clock, self.begin)
        self.batch = int(self.config.optimiser.batch or 0)
        self._renew_optimisers()

    @property
    def clock(self) -> int:
        """Samples seen."""
        return self.progress.clock

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, or training was stopped."""
        return self.clock >= self.total or bool(self.progress.stopped)

    def run(self) -> None:
        """Train until the budget is used up or a hook stops it."""
        try:
            for hook in self.hooks:
                hook.start(self)
            while not self.finished:
                numbers = self.step()
                for hook in self.hooks:
                    hook.step(self, numbers)
            for hook in self.hooks:
                hook.end(self)
        finally:
            for hook in self.hooks:
                hook.close()

    def step(self) -> Any:
        """One update of each player and of the average: moves the clock by a batch, returns the game's numbers."""
        settings = self.settings()
        real = self.feed.batch(self.clock, self.batch, self.rank, self.world)
        with self.autocast():
            numbers = self.game.play(
                real,
                self._latents(),
                settings.gamma,
                move=lambda player: self._move(player, settings),
                see=self._draw_views(settings.probability),
            )
        self.progress.clock += self.batch
        if self._takes_steps != self._whose_turn():
            self._renew_optimisers()
        ema.update(self.averaged, self.game.players[self.game.averaged], self.batch, settings.ema_half_life)
        numbers = self._averaged_numbers(numbers)
        if self.adapts and self.clock // self.batch % ADAPT_STEPS == 0:
            self._adapt(float(numbers.d_loss))
        return numbers

    def _move(self, player: str, settings: Settings) -> None:
        """Average a player's gradients over the processes and take its optimiser's step."""
        if self.world > 1:
            gradients = [p.grad for p in self.game.players[player].parameters() if p.grad is not None]
            means = distribution.average(gradients)
            torch._foreach_copy_(gradients, means)  # pyright: ignore[reportPrivateImportUsage]
        factor = self.config.optimiser.generator_rate or 1.0 if player == "generator" else 1.0
        set_rates(self.optimisers[player], factor * settings.learning_rate, settings.beta2)
        self.optimisers[player].step()
        # autocast keeps low-precision copies of the weights that it has seen: these are stale now
        torch.clear_autocast_cache()

    def _whose_turn(self) -> str:
        """SOAP, or the optimiser that follows it."""
        options = self.config.optimiser
        until = self.begin + (options.soap_share or 0.0) * (self.total - self.begin)
        return "SOAP" if self.clock < until else options.name or "Adam"

    def _renew_optimisers(self) -> None:
        """Fresh ones, of the kind whose turn it is."""
        self._takes_steps = self._whose_turn()
        options = replace(self.config, optimiser={"name": self._takes_steps}).optimiser
        self.optimisers = {name: make_optimiser(net, options) for name, net in self.game.players.items()}

    def settings(self) -> Settings:
        """The schedules at the present clock."""
        seen, config, strength = self.clock - self.begin, self.config, 2.0**self.progress.rollbacks
        at = seen / max(self.total - self.begin, 1)
        penalties, options = config.penalties, config.schedule
        sooner = max(1.0, 0.5 * (self.total - self.begin) / (penalties.gamma_samples or float("inf")))
        rate = schedule.learning_rate(
            at,
            config.optimiser.learning_rate or 0.0,
            options.warmup or 0.0,
            options.hold or 0.0,
            1.0 if options.rate_end is None else options.rate_end,
        )
        return Settings(
            gamma=strength * schedule.gamma(at * sooner, penalties.gamma or 0.0, penalties.gamma_fall or 1.0),
            learning_rate=rate / strength,
            beta2=schedule.second_moment(at, config.optimiser.beta2, config.optimiser.beta2_end),
            ema_half_life=ema.half_life(seen, config.ema.share, config.ema.cap or float("inf")),
            probability=self._probability(at),
        )

    def _probability(self, at: float) -> float:
        most = self.config.augment.probability
        if self.augment is None or most is None:
            return 0.0
        return self.progress.probability if most == "adaptive" else schedule.probability(at, most)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision that networks compute in; weights, losses and penalties' norms stay float32."""
        if self.config.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Facts and tensors from which `restore` goes on exactly."""
        facts = {
            "game": self.game.name,
            "samples": self.clock,
            "progress": asdict(self.progress),
            "hooks": {type(hook).__name__: hook.state() for hook in self.hooks},
        }
        tensors = {name: dict(network.state_dict()) for name, network in self.game.players.items()}
        tensors["averaged"] = dict(self.averaged.state_dict())
        for name, optimiser in self.optimisers.items():
            tensors[f"{name}_optimiser"] = flatten_optimiser(optimiser)
        for hook in self.hooks:
            tensors[type(hook).__name__] = hook.tensors()
        return facts, {f"{part}/{k}": v for part, named in tensors.items() for k, v in named.items()}

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave.

        Raises:
            RunError: when the tensors are not those of these networks.
        """
        try:
            self.load_weights(tensors)
            self.progress = Progress(**facts["progress"])
            self._renew_optimisers()
            for name, optimiser in self.optimisers.items():
                unflatten_optimiser(optimiser, part_of(tensors, f"{name}_optimiser"))
            for hook in self.hooks:
                name = type(hook).__name__
                hook.restore(facts["hooks"].get(name, {}), part_of(tensors, name))
        except (KeyError, TypeError, RuntimeError) as error:
            raise RunError(f"The checkpoint does not fit this run's networks: {error}") from None

    def weights(self) -> dict[str, Tensor]:
        """Copies of all weights and of the average, by part and name."""
        networks = {**self.game.players, "averaged": self.averaged}
        return {f"{part}/{k}": v.clone() for part, net in networks.items() for k, v in net.state_dict().items()}

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `weights` gave."""
        for part, network in {**self.game.players, "averaged": self.averaged}.items():
            network.load_state_dict(part_of(tensors, part))

    def roll_back(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back earlier weights with fresh optimisers, and go on more carefully; the clock is not turned back."""
        self.load_weights(tensors)
        self._renew_optimisers()
        self.progress.rollbacks += 1

    @property
    def adapts(self) -> bool:
        """Whether the discriminator's loss moves the probability of augmentation."""
        return self.augment is not None and self.config.augment.probability == "adaptive"

    def raise_target(self, share: float) -> None:
        """Keep a loss that is larger by that share than its least, from now on."""
        self.progress.raised = min(max(share, 0.0), MOST_RAISED)

    def stop(self, why: str) -> None:
        """End the training after this step."""
        self.progress.stopped = why

    def _latents(self) -> Tensor:
        z = self.prior.draw(self.batch, torch_stream(self.config.seed, "latents", self.clock, self.device))
        return z.chunk(self.world)[self.rank]

    def _adapt(self, d_loss: float) -> None:
        """Augment more often where the discriminator wins too easily, else less (Karras et al. 2020, section 3)."""
        change = ADAPT_STEPS * self.batch / (ADAPT_SHARE * max(self.total, 1))
        least = self.config.augment.target or 0.0
        most = max(least, OBJECTIVES[self.config.objective.name].balance)
        towards = change if d_loss < min(least * (1.0 + self.progress.raised), most) else -change
        self.progress.probability = min(max(self.progress.probability + towards, 0.0), MOST_AUGMENTED)

    def _draw_views(self, probability: float) -> Callable[[Tensor], View]:
        augment = self.augment
        if augment is None or not probability:
            return lambda items: PLAIN
        stream = torch_stream(self.config.seed, "augment", self.clock)

        def draw(items: Tensor) -> View:
            """Drawn for the items of all processes, in halves of one batch each; this one's are some of each half."""
            halves = len(items) * self.world // self.batch
            view = augment.draw(items, probability, stream, halves * self.batch)
            places = torch.arange(halves * self.batch).view(halves, self.world, -1)
            return view if self.world == 1 else view.part(places[:, self.rank].flatten())

        return draw

    def _averaged_numbers(self, numbers: Any) -> Any:
        if self.world == 1:
            return numbers
        return type(numbers)(*distribution.average(list(asdict(numbers).values())))


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to the device, two-dimensional convolutions in channels-last memory."""
    is_image = any(parameter.dim() == 4 for parameter in network.parameters())
    return network.to(device, memory_format=torch.channels_last) if is_image else network.to(device)  # type: ignore[call-overload]


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors named "part/...", without that prefix."""
    return {key.removeprefix(part + "/"): value for key, value in tensors.items() if key.startswith(part + "/")}
