"""What Coarse to Fine learns: its losses, its pseudo labels, and where its stages start."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flowgrad.errors import InputError
from flowgrad.models.coarse_to_fine.labels import (
    CLASS_NAMES,
    MappedTagger,
    audio_labels,
    frame_labels,
    read_clusters,
)
from flowgrad.models.coarse_to_fine.layout import Sizes
from flowgrad.models.coarse_to_fine.model import CoarseToFine as Localizer
from flowgrad.models.coarse_to_fine.objective import CoarseToFine, alignment, classification, correspondence
from flowgrad.training.objective import Samples, Start

WIDTH = 8


def unit(*rows: list[float]) -> torch.Tensor:
    return F.normalize(torch.tensor(rows), dim=-1)


# The losses


def test_classes_are_learnt_by_soft_cross_entropy():
    logits, labels = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[0.25, 0.5]])
    expected = (math.log(2) - 0.5 * math.log(0.75) - 0.5 * math.log(0.25)) / 2
    assert classification(logits, labels).item() == pytest.approx(expected)


def test_pairs_that_belong_together_count_half():
    logits = torch.zeros(3, 3, 2)
    assert correspondence(logits).item() == pytest.approx(math.log(2))
    logits[torch.arange(3), torch.arange(3), 1] = math.log(3)
    assert correspondence(logits).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)
    logits[0, 1, 0] = math.log(3)
    others = (5 * math.log(2) + math.log(4 / 3)) / 6
    assert correspondence(logits).item() == pytest.approx((math.log(4 / 3) + others) / 2)
    assert correspondence(torch.zeros(1, 1, 2)).item() == pytest.approx(math.log(2) / 2), "no pair is wrong"


def test_alignment_by_hand():
    """Two clips, one class: cosines 0.5 and 1 of their own, 0 and sqrt(3) / 2 of the others."""
    heard, seen = unit([1.0, 0.0], [0.0, 1.0])[:, None], unit([0.5, 3**0.5 / 2], [0.0, 1.0])[:, None]
    sure = torch.ones(2, 1)
    own = ((2 - 2 * 0.5) + 0) / 2
    others = (0 + (1.4 - (2 - 3**0.5) ** 0.5) ** 2) / 2
    assert alignment(heard, seen, sure, sure).item() == pytest.approx(own + others, abs=1e-5)
    # the class is not heard in the second clip: the first clip's own pair, and its sound with the other's picture
    assert alignment(heard, seen, torch.tensor([[0.4], [0.3]]), sure).item() == pytest.approx(1.0, abs=1e-5)
    assert alignment(heard, seen, 0 * sure, sure).item() == 0, "where there is no pair, nothing is learnt"


def test_another_class_of_the_same_clip_is_another_pair():
    heard = unit([1.0, 0.0], [0.0, 1.0])[None]
    sure = torch.ones(1, 2)
    assert alignment(heard, heard, sure, sure).item() == pytest.approx(0, abs=1e-5), "right angles are far enough"
    swapped = alignment(heard, heard[:, [1, 0]], sure, sure)
    assert swapped.item() == pytest.approx(2 + 1.4**2, abs=0.01)


@pytest.fixture
def pairs() -> tuple[torch.Tensor, ...]:
    """What is heard and seen of 3 classes of 4 clips, and how probable they are."""
    draws = torch.Generator().manual_seed(2)
    heard, seen = (F.normalize(torch.randn(4, 3, 8, generator=draws), dim=2) for _ in range(2))
    return heard, seen, torch.rand(4, 3, generator=draws), torch.rand(4, 3, generator=draws)


def test_the_loss_falls_as_right_pairs_come_nearer(pairs):
    heard, seen, *probabilities = pairs
    losses = [
        alignment(heard, F.normalize(seen + near * heard, dim=2), *probabilities).item() for near in (0, 0.5, 1, 3)
    ]
    assert losses == sorted(losses, reverse=True)
    logits = torch.randn(4, 4, 2)
    bent = logits + 0.5 * torch.stack([-torch.eye(4), torch.eye(4)], dim=2)
    assert correspondence(bent) < correspondence(logits)


def test_the_order_of_the_batch_changes_nothing(pairs):
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(alignment(*(part[order] for part in pairs)), alignment(*pairs))
    logits = torch.randn(4, 4, 2)
    torch.testing.assert_close(correspondence(logits[order][:, order]), correspondence(logits))


def test_pairs_that_coincide_have_a_gradient(pairs):
    heard = pairs[0].clone().requires_grad_()
    same = heard.detach()[:1, :1].expand_as(heard)
    alignment(heard * 0 + same, same, *pairs[2:]).backward()
    assert heard.grad.isfinite().all()


# The objective


def samples(count: int = 4, seed: int = 0, size: int = 64) -> Samples:
    draws = torch.Generator().manual_seed(seed)
    return Samples(
        frame=torch.rand(count, 3, size, size, generator=draws),
        flow=torch.zeros(count, 1, size, size),
        audio=torch.randn(count, 22050, generator=draws) / 10,
        labels={kind: torch.rand(count, 7, generator=draws) for kind in ("audio", "frame")},
    )


def objective(stage: int = 1, seed: int = 3) -> CoarseToFine:
    torch.manual_seed(seed)
    return CoarseToFine(Sizes.of_width(WIDTH), stage)


@pytest.mark.parametrize("stage", [1, 2])
def test_the_loss_is_the_sum_of_its_parts_and_every_part_learns(stage):
    made = objective(stage)
    found = made.embeddings(samples())
    heard, seen = made.classes_of(found["heard"], made.class_a), made.classes_of(found["seen"], made.class_v)
    parts = [classification(heard, found["audio_labels"]), classification(seen, found["frame_labels"])]
    parts.append(correspondence(made.belong(found["heard"], found["seen"])))
    if stage == 2:
        parts.append(alignment(found["heard_by_class"], found["seen_by_class"], heard.sigmoid(), seen.sigmoid()))
    loss = made.loss(found)
    torch.testing.assert_close(loss, sum(parts))
    loss.backward()
    learnt = {name.split(".")[0] for name, value in made.named_parameters() if value.grad is not None}
    trained = {name.split(".")[0] for name, value in made.named_parameters() if value.requires_grad}
    assert learnt == trained
    assert ("project_a" in trained) == (stage == 2)


def test_the_order_of_the_samples_changes_no_loss():
    made, given, order = objective(2).eval(), samples(), torch.tensor([2, 0, 3, 1])
    turned = Samples(
        given.frame[order], given.flow, given.audio[order], labels={k: v[order] for k, v in given.labels.items()}
    )
    with torch.no_grad():
        torch.testing.assert_close(made.loss(made.embeddings(turned)), made.loss(made.embeddings(given)))


def test_both_stages_learn(tmp_path):
    """A few steps on one batch; then the file that stage 2 leaves makes maps."""
    first, given = objective(1), samples(8)
    before, after = taught(first, given)
    assert after < 0.8 * before
    torch.save(first.content(first.state_dict(), 1), tmp_path / "stage_1.pth")
    with pytest.raises(InputError, match=r"4 missing keys: project_a\.0\.weight"):
        Localizer(tmp_path / "stage_1.pth")
    second = CoarseToFine.started(Start("coarse-to-fine", tmp_path / "stage_1.pth", WIDTH))
    assert second.stage == 2
    torch.testing.assert_close(second.audio.conv1_a.weight, first.audio.conv1_a.weight)
    before, after = taught(second, given)
    assert after < 0.8 * before
    torch.save(second.content(second.state_dict(), 1), tmp_path / "stage_2.pth")
    maps = Localizer(tmp_path / "stage_2.pth")(np.zeros((1, 256, 256, 3), np.uint8), np.zeros((1, 110250), np.float32))
    assert np.isfinite(maps).all()
    again = CoarseToFine.started(Start("coarse-to-fine", tmp_path / "stage_2.pth", WIDTH))
    torch.testing.assert_close(again.project_v[0].weight, second.project_v[0].weight)


def taught(made: CoarseToFine, given: Samples) -> tuple[float, float]:
    optimizer = torch.optim.Adam([value for value in made.parameters() if value.requires_grad], 1e-3)
    losses = []
    for _ in range(25):
        loss = made.loss(made.embeddings(given))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_logits_have_a_row_a_frame():
    made = objective().eval()
    found = made.embeddings(samples())
    pair = torch.cat((found["heard"][2], found["seen"][1]))
    no, yes = made.avc(pair)
    torch.testing.assert_close(made.logits(found)[1, 2], yes - no)


def test_mosaics_give_each_frame_its_own_part():
    made, given = objective().eval(), samples()
    whole = made.embeddings(Samples(given.frame, given.flow, given.audio, mosaics=True, labels=given.labels))
    assert whole["seen"].shape == made.embeddings(given)["seen"].shape


def test_chance():
    made = objective(1)
    for layer in (made.class_a, made.class_v, made.avc[2]):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(made.avc[2].bias)
    assert made.loss(made.embeddings(samples())).item() == pytest.approx(made.chance(4))
    distances = np.linspace(0, 2, 2001)
    worst = (distances**2 + np.maximum(1.4 - distances, 0) ** 2).min()
    assert objective(2).chance(4) == pytest.approx(3 * math.log(2) + worst, abs=1e-5)


def test_samples_without_labels_are_refused():
    given = samples()
    with pytest.raises(
        InputError, match="coarse-to-fine learns from labels, and the samples have none of audio and fr"
    ):
        objective().embeddings(Samples(given.frame, given.flow, given.audio))
    with pytest.raises(InputError, match="have none of frame"):
        objective().embeddings(Samples(given.frame, given.flow, given.audio, labels={"audio": given.labels["audio"]}))


def test_starts(tmp_path):
    from torchvision.models import resnet18

    state = resnet18().state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    made = CoarseToFine.coarse(Start("imagenet", tmp_path / "resnet18.pth", 64))
    torch.testing.assert_close(made.vision.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert made.stage == 1
    assert made.new_branches() == [made.audio]
    with pytest.raises(
        InputError, match=r"training.init.coarse-to-fine: .*conv1.weight is missing, or not of training.width 16"
    ):
        CoarseToFine.coarse(Start("imagenet", tmp_path / "resnet18.pth", 16))
    torch.save({"conv1.weight": state["conv1.weight"]}, tmp_path / "part.pth")
    with pytest.raises(InputError, match=r"part.pth: is no ResNet-18: bn1"):
        CoarseToFine.coarse(Start("imagenet", tmp_path / "part.pth", 64))
    with pytest.raises(InputError, match=r"part.pth: is no coarse-to-fine stage 1 checkpoint"):
        CoarseToFine.started(Start("coarse-to-fine", tmp_path / "part.pth", 64))
    random = CoarseToFine.coarse(Start("random", None, WIDTH))
    assert random.new_branches() == [random.vision, random.audio]


# Pseudo labels

PUBLISHED = "formats/shvdiwnkozbw+Multi-Source-Sound-Localization"


def test_published_clusters_map_tags(reference: Path):
    sounds = read_clusters(reference / PUBLISHED / "cluster_a.npy", "audio")
    pictures = read_clusters(reference / PUBLISHED / "cluster_v3.npy", "frame")
    assert (sounds.sum(axis=0) >= 1).all()
    assert (pictures.sum(axis=1) == 1).all()
    # ImageNet's classes 0 to 397 are animals, 401 and 402 an accordion and a guitar, 403 and 404 ship and airliner
    named = [CLASS_NAMES[row.argmax()] for row in pictures]
    assert set(named[:398]) == {"animal"}
    assert named[401:405] == ["music", "music", "things", "things"]
    for tag in (0, 100, 526):
        labels = audio_labels(0.5 * np.eye(527, dtype=np.float32)[[tag]], sounds)
        np.testing.assert_allclose(labels[0], 0.8 * sounds[:, tag], rtol=1e-6)
    for tag in (0, 401, 999):
        np.testing.assert_array_equal(frame_labels(np.eye(1000)[[tag]], pictures)[0], pictures[tag])


def test_a_sound_has_the_likeliest_tag_of_each_class_and_clear_ones_stand_out():
    clusters = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
    labels = audio_labels(np.array([[0.2, 0.3, 0.31, 1.0]]), clusters)
    np.testing.assert_allclose(labels, [[0.3, 0.31 * 0.4 + 0.6, 1.0]], rtol=1e-6)


def test_only_ten_tags_of_a_picture_count():
    tags = np.full((2, 20), 0.01)
    tags[0, 5:15], tags[1] = 0.05, 0
    clusters = np.stack([np.arange(20) < 10, np.arange(20) >= 10], axis=1)
    tags[0, 3] = 0.5
    found = frame_labels(tags, clusters)
    # tag 3 and nine of the ten; of equals the first ones
    np.testing.assert_allclose(found[0], [1, 4 * 0.05 / (0.5 + 5 * 0.05)], rtol=1e-6)
    assert (found[1] == 0).all()


def test_a_tagger_is_mapped_and_checked(reference: Path):
    clusters = read_clusters(reference / PUBLISHED / "cluster_a.npy", "audio")
    tagger = MappedTagger(lambda audio: np.full((len(audio), 527), audio.max()), clusters, "audio")
    np.testing.assert_allclose(tagger(["a", "b"], np.full((2, 10), 0.2)), 0.2, rtol=1e-6)
    with pytest.raises(ValueError, match=r"tags: expected \(1, 527\), the tagger gives \(2, 527\)"):
        tagger(["a"], np.zeros((2, 10)))


def test_wrong_clusters_are_named(tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((7, 5)))
    with pytest.raises(InputError, match=r"other.npy: expected zeros and ones \(7, 527\), got \(7, 5\)"):
        read_clusters(tmp_path / "other.npy", "audio")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(InputError, match=r"text.npy: cannot be read as an array"):
        read_clusters(tmp_path / "text.npy", "frame")
    with pytest.raises(InputError, match=r"none.npy: cannot be read"):
        read_clusters(tmp_path / "none.npy", "frame")
