"""Fits the peer's pipeline: ``python fit.py TRAINING.json PIPELINE.joblib``.

Runs in the environment of label-studio-ml, so that the file fits its scikit-learn.
"""

import json
import sys

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC

training, target = sys.argv[1:3]
with open(training, encoding="utf-8") as file:
    rows = json.load(file)
words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
pipeline = Pipeline(
    [
        ("features", FeatureUnion([("words", words), ("pieces", pieces)])),
        ("machine", LinearSVC(random_state=0)),
    ]
)
pipeline.fit(rows["texts"], rows["labels"])
joblib.dump(pipeline, target)
