"""The name of every file under ``results/``, once. ``{shard}`` and the like are left for the workflow engine to fill.

>>> flow("farneback", "magnitude", "00001")
'results/flow/farneback/magnitude/00001.h5'
"""

RESULTS = "results"

PLAN = f"{RESULTS}/plan/clips.csv"
CLIPS = f"{RESULTS}/clips.csv"
SUMMARY = f"{RESULTS}/metrics/summary.csv"
LISTENING = f"{RESULTS}/metrics/listening.csv"
DIFFERENCES = f"{RESULTS}/metrics/differences.csv"
SOURCES = f"{RESULTS}/metrics/sources.csv"
SLICES = f"{RESULTS}/metrics/slices.csv"
FRAMES_TABLE = f"{RESULTS}/metrics/frames.csv"
INDEX = f"{RESULTS}/index.html"
ACCEPTED = f"{RESULTS}/.accepted"
STREETS = f"{RESULTS}/streets"
TRAINING = f"{RESULTS}/training"
TRAINED_DETECTOR = f"{TRAINING}/detector/detector.pt"
DETECTOR_LOG = f"{TRAINING}/detector/log.csv"
TRAINING_PLAN = f"{TRAINING}/plan/clips.json"
LOGS = f"{RESULTS}/logs"
FIGURES = f"{RESULTS}/figures"
TABLES_PAGE = f"{FIGURES}/tables.html"
COSTS = f"{FIGURES}/costs.png"


def shard_list(shard: str = "{shard}") -> str:
    """Return the clips of a shard."""
    return f"{RESULTS}/plan/shards/{shard}.json"


def annotations(shard: str = "{shard}") -> str:
    """Return the annotations of a shard's clips."""
    return f"{RESULTS}/plan/annotations/{shard}.json"


def frames(shard: str = "{shard}") -> str:
    """Return the decoded frames and audio of a shard, or the stub that stands for them."""
    return f"{RESULTS}/frames/{shard}.h5"


def released(shard: str = "{shard}") -> str:
    """Return the mark that everything which reads the frames of a shard is there."""
    return f"{RESULTS}/frames/{shard}.released"


def status(shard: str = "{shard}") -> str:
    """Return what became of each clip of a shard."""
    return f"{RESULTS}/status/{shard}.csv"


def flow(estimator: str = "{estimator}", kind: str = "{kind}", shard: str = "{shard}") -> str:
    """Return the optical flow of a shard."""
    return f"{RESULTS}/flow/{estimator}/{kind}/{shard}.h5"


def background(estimator: str = "{estimator}", shard: str = "{shard}") -> str:
    """Return how far the frames of a shard differ from their background; its flow says how the camera moved."""
    return f"{RESULTS}/background/{estimator}/{shard}.h5"


def heatmaps(protocol: str = "{protocol}", model: str = "{model}", shard: str = "{shard}") -> str:
    """Return the maps of a model under a protocol."""
    return f"{RESULTS}/heatmaps/{protocol}/{model}/{shard}.h5"


def apart(protocol: str = "{protocol}", model: str = "{model}", shard: str = "{shard}") -> str:
    """Return what a model saw and heard of a shard, before both met."""
    return f"{RESULTS}/apart/{protocol}/{model}/{shard}.h5"


def listening(protocol: str = "{protocol}", model: str = "{model}") -> str:
    """Return the scores of a model under its own and other sounds."""
    return f"{RESULTS}/listening/{protocol}/{model}.csv"


def sources(protocol: str = "{protocol}", model: str = "{model}") -> str:
    """Return the scores of a model that tells parts apart, against the sources of each item."""
    return f"{RESULTS}/sources/{protocol}/{model}.csv"


def boxes(storage: str = "{storage}", shard: str = "{shard}") -> str:
    """Return every box that the detector found on exact or JPEG frames."""
    return f"{RESULTS}/boxes/{storage}/{shard}.csv"


def detections(protocol: str = "{protocol}", shard: str = "{shard}") -> str:
    """Return the boxes as a protocol sees them, with the column ``moving``."""
    return f"{RESULTS}/detections/{protocol}/{shard}.csv"


def conditions(shard: str = "{shard}") -> str:
    """Return how loud it is around the frames of a shard, and how far the camera moves."""
    return f"{RESULTS}/conditions/{shard}.csv"


def scores(shard: str = "{shard}") -> str:
    """Return the scores of a shard, long."""
    return f"{RESULTS}/scores/{shard}.csv"


def sheet(protocol: str = "{protocol}", shard: str = "{shard}") -> str:
    """Return what every model makes of a few clips, side by side."""
    return f"{RESULTS}/pictures/{protocol}/{shard}.png"


def success(protocol: str = "{protocol}") -> str:
    """Return the success curves of a protocol's rows."""
    return f"{FIGURES}/{protocol}/success.png"


def slice_figures(protocol: str = "{protocol}") -> str:
    """Return the folder with a plot a slice."""
    return f"{FIGURES}/{protocol}/slices"


def gallery(protocol: str = "{protocol}") -> str:
    """Return the folder with the worst and best frames of each row."""
    return f"{FIGURES}/{protocol}/gallery"


def page(shard: str = "{shard}") -> str:
    """Return what the page says of a shard's clips; what it loads of them is in the folder of this name."""
    return f"{RESULTS}/page/{shard}.json"


def overlays(protocol: str = "{protocol}", shard: str = "{shard}") -> str:
    """Return the mark that the videos of a shard with what was found in them are written; they lie beside it."""
    return f"{RESULTS}/overlays/{protocol}/{shard}.written"


def rendered(part: str = "{part}", shard: str = "{shard}") -> str:
    """Return the mark that the streets of a shard are rendered; ``part`` is ``labelled`` or ``unlabelled``."""
    return f"{STREETS}/{part}/{shard}.rendered"


def training_shard(shard: str = "{shard}") -> str:
    """Return the clips of a shard that is learnt from."""
    return f"{TRAINING}/plan/shards/{shard}.json"


def samples(sample: str = "{sample}", shard: str = "{shard}") -> str:
    """Return what training reads of a shard; ``sample`` says what a sample holds."""
    return f"{TRAINING}/samples/{sample}/{shard}.h5"


def samples_status(sample: str = "{sample}", shard: str = "{shard}") -> str:
    """Return what became of each clip of a shard that is learnt from."""
    return f"{TRAINING}/status/{sample}/{shard}.csv"


def training_clips(method: str = "{method}") -> str:
    """Return what became of each clip that a model is trained from."""
    return f"{TRAINING}/{method}/clips.csv"


def checkpoint(method: str = "{method}") -> str:
    """Return the checkpoint of a model that is trained here."""
    return f"{TRAINING}/{method}/{method}.ckpt"


def training_log(method: str = "{method}") -> str:
    """Return the figures of a training, a row an epoch."""
    return f"{TRAINING}/{method}/log.csv"


def training_curves(method: str = "{method}") -> str:
    """Return the plot of a training's losses."""
    return f"{TRAINING}/{method}/loss.png"


def log(rule: str, *wildcards: str) -> str:
    """Return the log of a job."""
    return "/".join([LOGS, rule, *wildcards]) + ".log"
