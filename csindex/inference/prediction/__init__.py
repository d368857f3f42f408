"""Prediction out of sample: PLSpredict and CVPAT."""
