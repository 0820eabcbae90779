"""What our own trainings do beside the papers: measured statistics, standardised flow, best places, mosaics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import flowgrad
from flowgrad.config import parse
from flowgrad.errors import InputError
from flowgrad.flow.magnitude import network_input
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.rcgrad.cam import localization_map
from flowgrad.models.rcgrad.encoders import FlowInput, build_encoders, load_encoders
from flowgrad.models.rcgrad.layout import layout_of
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.models.registry import trainable
from flowgrad.models.window import SAMPLE_RATE
from flowgrad.training.objective import BEST_SHARE, InfoNCE, Samples, Start, quarters, tiled
from flowgrad.training.packing import LARGEST, pack
from flowgrad.training.statistics import measure
from flowgrad.weights import SHIPPED

WIDTH = 16
SIDE = 64
KINDS = {kind.name: kind for kind in (RCGrad, FlowGradIC, FlowGradEN)}


def some(seed: int, count: int = 4) -> Samples:
    """Return samples in which a part of each frame moves by a few pixels."""
    draws = torch.Generator().manual_seed(seed)
    frame = torch.rand(count, 3, SIDE, SIDE, generator=draws)
    flow = 0.1 * torch.rand(count, 1, SIDE, SIDE, generator=draws)
    for place in range(count):
        left = int(torch.randint(SIDE // 2, (1,), generator=draws))
        flow[place, :, 16:48, left : left + SIDE // 2] += 4
    return Samples(frame, flow, 0.1 * torch.randn(count, 8000, generator=draws))


@pytest.fixture(scope="module")
def pictures_seen(tmp_path_factory):
    """The checkpoint of an RCGrad whose BatchNorm statistics are those of pictures and sounds."""
    torch.manual_seed(0)
    learnt = RCGrad.started(Start("random", None, WIDTH))
    measure(learnt, [learnt], [some(1), some(2)], learnt.embeddings)
    path = tmp_path_factory.mktemp("start") / "rcgrad.pt"
    torch.save(learnt.state_dict(), path)
    return path


def unlike(en: FlowGradEN, samples: Samples) -> float:
    """Return by how much what the flow encoder says of samples differs, as a share of what it says."""
    en.eval()
    with torch.no_grad():
        found = en.embeddings(samples)["flow_encoder"]
    return (found.std(dim=0).norm() / found.mean(dim=0).norm()).item()


def test_the_flow_branch_sees_from_the_start(pictures_seen):
    """Two flows give two answers in inference mode before the first step; with the statistics of pictures, one."""
    en = FlowGradEN.started(Start("rcgrad", pictures_seen, WIDTH))
    samples = some(5)
    blind = FlowGradEN(nn.ModuleDict({name: part for name, part in en.named_children() if name.endswith("encoder")}))
    assert unlike(blind, samples) < 0.02
    en.measure([some(3), some(4)])
    measure(en, en.new_branches(), [some(3), some(4)], en.embeddings)
    assert unlike(en, samples) > 0.1
    seen = en._moved(some(3))
    assert (seen.mean().abs().item(), seen.std().item()) == pytest.approx((0, 1), abs=0.1)


def test_measuring_leaves_everything_else_alone(pictures_seen):
    en = FlowGradEN.started(Start("rcgrad", pictures_seen, WIDTH)).train()
    en.image_encoder.layer1.eval()
    before = {key: value.clone() for key, value in en.state_dict().items()}
    modes = [module.training for module in en.modules()]
    measure(en, en.new_branches(), [some(3)], en.embeddings)
    assert [module.training for module in en.modules()] == modes
    changed = {key for key, value in en.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.split(".")[0] for key in changed} == {"flow_encoder"}
    assert {key.split(".")[-1] for key in changed} == {"running_mean", "running_var", "num_batches_tracked"}
    assert all(norm.momentum == 0.1 for norm in en.modules() if isinstance(norm, nn.BatchNorm2d))


def test_measured_statistics_are_the_means_over_the_batches():
    norm = nn.BatchNorm2d(3).eval()
    batches = [torch.randn(4, 3, 5, 5) + number for number in range(3)]
    measure(norm, [norm], batches, norm)
    means = np.mean([batch.mean(dim=(0, 2, 3)).numpy() for batch in batches], axis=0)
    variances = np.mean([batch.var(dim=(0, 2, 3)).numpy() for batch in batches], axis=0)
    np.testing.assert_allclose(norm.running_mean.numpy(), means, atol=1e-5)
    np.testing.assert_allclose(norm.running_var.numpy(), variances, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "new"),
    [
        (RCGrad, {"image_encoder", "audio_encoder"}),
        (FlowGradIC, {"image_encoder", "audio_encoder"}),
        (FlowGradEN, {"image_encoder", "audio_encoder", "flow_encoder"}),
    ],
)
def test_from_nothing_every_branch_is_new(kind, new, pictures_seen):
    learnt = kind.started(Start("random", None, WIDTH))
    assert {id(part) for part in learnt.new_branches()} == {id(getattr(learnt, name)) for name in new}
    going_on = kind.started(Start("rcgrad", pictures_seen, WIDTH))
    branch = {"rcgrad": set(), "flowgrad-ic": {"image_encoder"}, "flowgrad-en": {"flow_encoder"}}[kind.name]
    assert {id(part) for part in going_on.new_branches()} == {id(getattr(going_on, name)) for name in branch}


# Flow, as trained and as asked


def test_flow_is_standardised_alike_in_training_and_at_inference():
    scaled = FlowInput()
    scaled.mean.fill_(0.7)
    scaled.deviation.fill_(2.5)
    magnitude = torch.rand(2, 1, 8, 8) * 30
    published = torch.from_numpy(network_input(magnitude.numpy()))
    torch.testing.assert_close(scaled.of_published(published), scaled(magnitude), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled(magnitude), (magnitude - 0.7) / 2.5)


@pytest.mark.parametrize("method", ["flowgrad-ic", "flowgrad-en"])
def test_a_checkpoint_says_how_its_flow_is_standardised(method, tmp_path):
    torch.manual_seed(0)
    encoders = build_encoders(method, WIDTH, standardised_flow=True)
    path = tmp_path / "own.ckpt"
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (1, 224, 224, 3), np.uint8)
    flow = rng.random((1, 224, 224), np.float32)
    audio = rng.normal(0, 0.1, (1, 80000)).astype(np.float32)

    def maps() -> np.ndarray:
        torch.save({"state_dict": encoders.state_dict()}, path)
        check_layout(path, layout_of(method))
        return flowgrad.load_model(method, path, device="cpu")(frames, audio, SAMPLE_RATE, flow)

    first = maps()
    # what is published, said in other words
    encoders["flow_input"].mean.fill_(-5)
    encoders["flow_input"].deviation.fill_(200)
    as_published = maps()
    assert np.abs(first - as_published).max() > 0.01
    del encoders["flow_input"]
    np.testing.assert_allclose(as_published, maps(), atol=1e-4)


def test_half_of_what_standardises_is_named(tmp_path):
    state = build_encoders("flowgrad-en", WIDTH, standardised_flow=True).state_dict()
    del state["flow_input.mean"]
    torch.save(state, tmp_path / "half.ckpt")
    with pytest.raises(InputError, match=r"1 missing keys: flow_input\.mean"):
        check_layout(tmp_path / "half.ckpt", layout_of("flowgrad-en"))


# Maps


def test_the_cosine_map_forgets_how_large_activations_are():
    rng = np.random.default_rng(0)
    activations = rng.random((2, 6, 7, 7)).astype(np.float32)
    sound = rng.random((2, 6)).astype(np.float32)
    grown = activations * (1 + 9 * rng.random((2, 1, 7, 7))).astype(np.float32)
    found = [localization_map(torch.from_numpy(x), torch.from_numpy(sound), "cosine", 7) for x in (activations, grown)]
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)
    length = np.linalg.norm(activations, axis=1) * np.linalg.norm(sound, axis=1)[:, None, None]
    cosine = np.einsum("nchw,nc->nhw", activations, sound) / length
    low, high = cosine.min(axis=(1, 2), keepdims=True), cosine.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found[0].numpy(), (cosine - low) / (high - low), atol=1e-4)
    raw = [localization_map(torch.from_numpy(x), torch.from_numpy(sound), "raw", 7) for x in (activations, grown)]
    assert (raw[0] - raw[1]).abs().max() > 0.1


def test_the_difference_map_shows_what_is_special_about_a_sound():
    """What fits all sounds is not in it; without a known mean it is the root of the raw map."""
    rng = np.random.default_rng(0)
    activations = torch.from_numpy(rng.random((1, 4, 7, 7)).astype(np.float32))
    activations[0, :, :3], activations[0, :, 3:5] = torch.tensor([[9.0, 0, 0, 0]]).T[..., None], 0
    activations[0, 1, 3:5] = 2.0
    mean, sound = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[3.0, 3.0, 0, 0]])
    found = localization_map(activations, torch.cat((sound, mean), dim=1), "difference", 7)[0]
    assert (found[:3] == 0).all(), "these places fit every sound"
    assert (found[3:5] == found.max()).all(), "these fit this one"
    assert localization_map(activations, sound, "raw", 7)[0, 0].min() > 0.9, "which the raw map does not see"
    unknown = localization_map(activations, torch.cat((sound, 0 * sound), dim=1), "difference", 7)
    scores = torch.einsum("nchw,nc->nhw", activations, sound / sound.norm()).sqrt()
    expected = (scores - scores.min()) / (scores.max() - scores.min())
    torch.testing.assert_close(unknown, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["rcgrad", "flowgrad-ic", "flowgrad-en"])
def test_a_checkpoint_knows_the_mean_of_its_sounds(method, tmp_path):
    learnt = KINDS[method].started(Start("random", None, WIDTH))
    rng = np.random.default_rng(0)
    sounds = torch.from_numpy(rng.normal(0, 0.1, (6, 80000)).astype(np.float32))
    nothing = torch.zeros(2, 3, 224, 224), torch.zeros(2, 1, 224, 224)
    learnt.eval()
    with torch.no_grad():
        learnt.conclude(Samples(*nothing, some) for some in sounds.split(2))
        heard = learnt.audio_encoder(sounds)
    expected = (heard / heard.norm(dim=1, keepdim=True)).mean(dim=0)
    torch.testing.assert_close(learnt.sounds.mean, expected, atol=1e-5, rtol=1e-4)
    torch.save(learnt.content(learnt.state_dict(), 1), tmp_path / "own.ckpt")
    check_layout(tmp_path / "own.ckpt", layout_of(method))
    torch.testing.assert_close(load_encoders(tmp_path / "own.ckpt", method)["sounds"].mean, expected)

    # robust shows RCGrad by it
    if method == "rcgrad":
        frames = rng.integers(0, 256, (1, 224, 224, 3), np.uint8)
        robust = flowgrad.load_model(method, tmp_path / "own.ckpt", "robust", "cpu")
        known = robust(frames, sounds[:1].numpy(), SAMPLE_RATE)
        learnt.sounds.mean.zero_()
        torch.save(learnt.content(learnt.state_dict(), 1), tmp_path / "own.ckpt")
        robust = flowgrad.load_model(method, tmp_path / "own.ckpt", "robust", "cpu")
        assert np.abs(known - robust(frames, sounds[:1].numpy(), SAMPLE_RATE)).max() > 0.01


def test_each_branch_of_en_looks_at_its_own(tmp_path):
    torch.manual_seed(0)
    torch.save(build_encoders("flowgrad-en", WIDTH).state_dict(), tmp_path / "en.ckpt")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, 224, 224, 3), np.uint8)
    flow = 40 * rng.random((2, 224, 224), np.float32)
    audio = np.repeat(rng.normal(0, 0.1, (1, 80000)), 2, axis=0).astype(np.float32)

    def maps(row: str, frames: np.ndarray, flow: np.ndarray) -> np.ndarray:
        one, other = flowgrad.load_model(row, tmp_path / "en.ckpt", device="cpu")(frames, audio, SAMPLE_RATE, flow)
        return np.abs(one - other).max()

    same = frames[[0, 0]], flow[[0, 0]]
    assert maps("flowgrad-en-picture", same[0], flow) < 1e-5 < maps("flowgrad-en-picture", frames, same[1])
    assert maps("flowgrad-en-flow", frames, same[1]) < 1e-5 < maps("flowgrad-en-flow", same[0], flow)


# What is compared


def test_best_places_are_the_mean_of_the_highest_cosines():
    rng = np.random.default_rng(0)
    places, sounds = rng.normal(size=(3, 5, 14, 14)).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32)
    count = round(BEST_SHARE * 14 * 14)
    expected = np.empty((3, 3))
    for picture in range(3):
        for sound in range(3):
            flat = places[picture].reshape(5, -1)
            cosines = sounds[sound] @ flat / np.linalg.norm(flat, axis=0) / np.linalg.norm(sounds[sound])
            expected[picture, sound] = np.sort(cosines)[-count:].mean() / 0.07
    loss = InfoNCE()
    found = loss.logits(torch.from_numpy(places), torch.from_numpy(sounds)).detach()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)
    turned = loss.logits(torch.from_numpy(sounds), torch.from_numpy(places)).detach()
    np.testing.assert_allclose(turned.numpy(), expected.T, rtol=1e-4)
    own = loss.logits(torch.from_numpy(places), torch.from_numpy(places)).detach()
    np.testing.assert_allclose(own.diagonal().numpy(), [1 / 0.07] * 3, rtol=1e-4)
    assert (own < 1 / 0.07 + 1e-3).all()


def test_a_mosaic_holds_four_frames_and_is_undone():
    x = torch.arange(8.0)[:, None, None, None].expand(8, 2, 12, 12) + torch.linspace(0, 0.5, 12)
    mosaics = tiled(x)
    assert mosaics.shape == (2, 2, 12, 12)
    assert mosaics[1, 0, 0, 0].int().item() == 4
    assert mosaics[1, 0, 0, 6].int().item() == 5
    assert mosaics[1, 0, 6, 0].int().item() == 6
    torch.testing.assert_close(quarters(mosaics), nn.functional.avg_pool2d(x, 2))


def test_places_of_a_mosaic_belong_to_their_own_sound():
    """The encoder sees two mosaics; each of the eight samples has the 2x2 places of its quarter."""
    learnt = RCGrad.started(Start("random", None, WIDTH, "best-places")).eval()
    samples = some(1, 8)
    with torch.no_grad():
        whole = learnt.embeddings(samples)
        mixed = learnt.embeddings(Samples(samples.frame, samples.flow, samples.audio, mosaics=True))
        seen = learnt.image_encoder(tiled(learnt._seen(samples)))
    assert whole["image_encoder"].shape == (8, 8 * WIDTH, 4, 4)
    assert mixed["image_encoder"].shape == (8, 8 * WIDTH, 2, 2)
    torch.testing.assert_close(mixed["image_encoder"][6], seen[1, :, 2:, :2])
    torch.testing.assert_close(mixed["audio_encoder"], whole["audio_encoder"])


# Files that come with flowgrad


@pytest.mark.parametrize("method", ["rcgrad", "flowgrad-ic", "flowgrad-en"])
def test_a_packed_checkpoint_is_small_and_gives_the_same_maps(method, tmp_path):
    torch.manual_seed(0)
    state = build_encoders(method, WIDTH, standardised_flow=method != "rcgrad").state_dict()
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "whole.ckpt")
    size = pack(tmp_path / "whole.ckpt", layout_of(method), tmp_path / "packed.pt")
    assert size == (tmp_path / "packed.pt").stat().st_size <= LARGEST
    check_layout(tmp_path / "packed.pt", layout_of(method))
    assert {value.dtype for value in load_encoders(tmp_path / "packed.pt", method).parameters()} == {torch.float32}
    rng = np.random.default_rng(0)
    given = (
        rng.integers(0, 256, (2, 224, 224, 3), np.uint8),
        rng.normal(0, 0.1, (2, 80000)).astype(np.float32),
        SAMPLE_RATE,
        rng.random((2, 224, 224), np.float32),
    )
    whole, packed = (flowgrad.load_model(method, tmp_path / name, device="cpu") for name in ("whole.ckpt", "packed.pt"))
    apart = np.abs(whole(*given) - packed(*given))
    # what lies at the median itself is kept, or set to zero
    assert np.mean(apart > 0.005) < 0.001
    first = (tmp_path / "packed.pt").read_bytes()
    pack(tmp_path / "whole.ckpt", layout_of(method), tmp_path / "packed.pt")
    assert (tmp_path / "packed.pt").read_bytes() == first


def test_a_word_stands_for_all_checkpoints():
    base = {"dataset": {"format": "streets"}}
    trained = dict.fromkeys(trainable(), "trained")
    assert {"rcgrad", "flowgrad-ic", "flowgrad-en", "hear-the-flow", "visual-context", "coarse-to-fine"} <= set(trained)
    assert parse({**base, "checkpoints": "trained"}).checkpoints == trained
    shipped = {path.stem.removeprefix("streets-"): path.name for path in SHIPPED.glob("streets-*.pt")}
    shipped.pop("detector")
    found = {name: str(file) for name, file in parse({**base, "checkpoints": "shipped"}).checkpoints.items()}
    assert found == trained | shipped
    assert {name: str(file) for name, file in parse({}).checkpoints.items()} == found, "the demo takes them"
    assert str(parse({"checkpoints": {"rcgrad": "mine.pt"}}).checkpoints["rcgrad"]) == "mine.pt"
    assert len(parse({"checkpoints": {"rcgrad": "mine.pt"}}).checkpoints) == len(found)
    with pytest.raises(InputError, match="checkpoints"):
        parse({**base, "checkpoints": "shiped"})


def test_the_networks_learn_from_other_streets_than_the_demo_shows():
    made, demo = parse(yaml.safe_load((SHIPPED / "streets-networks.yaml").read_text())), parse({})
    assert made.streets.settings().seed != demo.streets.settings().seed
    assert made.training.width == demo.training.width, "what the demo trains can start from them"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("streets-*.pt")), ids=lambda path: path.stem)
def test_what_comes_with_flowgrad_is_small(path):
    assert path.stat().st_size <= 4 << 20
