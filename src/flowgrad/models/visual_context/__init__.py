"""Visual context semantics (WACV 2023): sound localization beside a graph of what belongs together in a picture."""
