"""The training loop: a resumed run is the uninterrupted one, whatever is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import Dataset

from palimpsest.errors import ParameterError
from palimpsest.training.resumable import ResumableTraining, train_with_progress

STEPS = 60


class RandomPoints(Dataset):
    """Points (4, 2) of each step, of a stream of its own."""

    def __getitem__(self, step: int) -> tuple[Tensor, int]:
        return torch.randn(4, 2, generator=torch.Generator().manual_seed(step)), step


class TwoPlayers(ResumableTraining):
    """Two networks that train against each other, with an average, a schedule and a lazy loss."""

    def __init__(self, rate: float = 0.01) -> None:
        torch.manual_seed(0)
        self.maker, self.judge = nn.Linear(2, 2), nn.Linear(2, 1)
        self.average = AveragedModel(self.maker, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        self.makers = torch.optim.Adam(self.maker.parameters(), lr=rate)
        self.judges = torch.optim.Adam(self.judge.parameters(), lr=rate)
        self.schedule = CosineAnnealingLR(self.makers, STEPS)
        names = ("maker", "judge", "average", "makers", "judges", "schedule")
        parts = {name: getattr(self, name) for name in names}
        super().__init__(STEPS, {"rate": rate}, RandomPoints(), parts)

    def about(self, step: int) -> dict[str, int]:
        return {"resolution": 16 if step < 30 else 32}

    def begins_stage(self, step: int) -> bool:
        return step in (0, 30)

    def update(self, batch: tuple[Tensor, int]) -> dict[str, float]:
        points, step = batch
        assert step == self.step
        judged = self.judge(points).mean() - self.judge(self.maker(points).detach()).mean()
        self.judges.zero_grad()
        judged.backward()
        self.judges.step()
        made = self.judge(self.maker(points)).square().mean()
        self.makers.zero_grad()
        made.backward()
        self.makers.step()
        self.schedule.step()
        self.average.update_parameters(self.maker)
        lazy = {"penalty": float(step)} if step % 16 == 0 else {}
        return {"judge": judged.item(), "maker": made.item(), **lazy}


def state_of(training: ResumableTraining) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": tensor
        for name in ("maker", "judge", "average")
        for key, tensor in training.parts[name].state_dict().items()
    }


@pytest.fixture(scope="module")
def whole() -> TwoPlayers:
    training = TwoPlayers()
    assert training.run()
    return training


def assert_equal(found: TwoPlayers, wanted: TwoPlayers) -> None:
    states = state_of(found), state_of(wanted)
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert found.curve == wanted.curve and found.running == wanted.running
    assert found.schedule.get_last_lr() == wanted.schedule.get_last_lr()


@pytest.mark.parametrize("stop_at", [1, 30, 47])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, whole, stop_at: int) -> None:
    checkpoint = tmp_path / "run.pt"
    assert not TwoPlayers().run(checkpoint, stop_at=stop_at)
    resumed = TwoPlayers()
    resumed.resume(checkpoint)
    assert resumed.step == stop_at
    assert resumed.run(checkpoint)
    assert_equal(resumed, whole)


def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path: Path, whole) -> None:
    checkpoint, killed = tmp_path / "run.pt", TwoPlayers()

    def kill(progress) -> None:
        if progress.step == 27:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed.run(checkpoint, every=10, report=kill)
    resumed = TwoPlayers()
    resumed.resume(checkpoint)
    assert resumed.step == 20 and resumed.run()
    assert_equal(resumed, whole)


def test_batches_made_ahead_by_other_processes_are_the_same(whole) -> None:
    training = TwoPlayers()
    assert training.run(workers=1)
    assert_equal(training, whole)


def test_single_steps_are_those_of_a_run(whole) -> None:
    training = TwoPlayers()
    losses = [training.advance() for _ in range(STEPS)]
    assert set(losses[0]) == {"judge", "maker", "penalty"} and set(losses[1]) == {"judge", "maker"}
    assert torch.equal(training.maker.weight, whole.maker.weight)


def test_the_loop_leaves_the_global_random_state_alone() -> None:
    training = TwoPlayers()
    before = torch.get_rng_state()
    training.run(stop_at=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_curve_shows_running_means_that_start_anew_with_a_stage(whole) -> None:
    assert [row["step"] for row in whole.curve] == [50, STEPS]
    assert list(whole.curve[0]) == ["step", "resolution", "judge", "maker", "penalty"]
    assert whole.curve[0]["resolution"] == 32
    assert whole.curve[0]["penalty"] == round(0.98 * 32 + 0.02 * 48, 5)  # steps 0 and 16 forgotten


def test_other_checkpoints_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"

    def refusal(training: ResumableTraining) -> str:
        with pytest.raises(ParameterError) as caught:
            training.resume(path)
        assert training.step == 0
        text = str(caught.value)
        assert text.startswith(f"{path}: ") and "remove it to start anew" in text
        assert "\n" not in text
        return text

    TwoPlayers(rate=0.02).run(path, stop_at=2)
    assert "a checkpoint of another recipe" in refusal(TwoPlayers())
    content = path.read_bytes()
    state = torch.load(path, weights_only=True)
    weight = state["parts"]["maker"]["weight"].numpy().tobytes()
    flipped = bytearray(content)
    flipped[content.index(weight) + 1] ^= 1
    path.write_bytes(flipped)
    assert "damaged" in refusal(TwoPlayers(rate=0.02))
    path.write_bytes(content[:500])
    assert "damaged" in refusal(TwoPlayers())
    path.write_bytes(b"")
    assert "damaged" in refusal(TwoPlayers())
    # the layout of an older version
    torch.save({"recipe": {"rate": 0.01}, "step": 5, "network": {}, "optimizer": {}}, path)
    assert "not a checkpoint of this version" in refusal(TwoPlayers())
    torch.save([1, 2], path)
    assert "not a checkpoint of this version" in refusal(TwoPlayers())


def test_the_bar_shows_losses_and_images_a_second(tmp_path: Path, capsys, whole) -> None:
    checkpoint = tmp_path / "run.pt"
    assert not train_with_progress(TwoPlayers(), checkpoint, minutes=0)
    assert "stopped at step 0 of 60; run again to resume" in capsys.readouterr().err
    assert not train_with_progress(TwoPlayers(), checkpoint, stop_at=40)
    resumed = TwoPlayers()
    assert train_with_progress(resumed, checkpoint)
    shown = capsys.readouterr().err
    assert "resolution 32" in shown and "maker 0." in shown and "images/s" in shown
    assert "60/60" in shown
    assert_equal(resumed, whole)
