"""Interruption risk of capacity pools: features, model, calibration, evaluation.

`contract` says what goes in and out; `features` computes it, without looking ahead; `model` scores; `model_file` reads
and writes models. `train`, `evaluate` and `experiments` need LightGBM and scikit-learn, scoring does not.
"""
