"""Hear The Flow (Fedorishin et al., WACV 2023): optical flow attends to the frame that the audio is compared with.

``layout`` says what its checkpoints hold and needs no torch; ``model`` has the class that makes maps.
"""
