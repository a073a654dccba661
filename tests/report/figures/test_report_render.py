"""Rendered figures of a report: properties known to Plotly, and labels without tags."""

from __future__ import annotations

import pytest

from seasoned.report.figures import diagnostics, render, render_diagnostics


def pictures(data):
    truth, predicted = data.predictions.truth, data.predictions.predicted
    yield render.progress_picture(data)
    yield render.families_picture(data)
    yield render.weights_picture(data)
    yield render.importance_picture(data.importance, data.metric)
    yield render_diagnostics.roc_picture(diagnostics.roc(truth, predicted[:, 1]))
    yield render_diagnostics.precision_recall_picture(diagnostics.precision_recall(truth, predicted[:, 1]), 0.5)
    yield render_diagnostics.calibration_picture(diagnostics.calibration(truth, predicted), "of yes")
    yield render_diagnostics.pairs_picture(diagnostics.pairs(truth, predicted[:, 1]))
    yield render_diagnostics.residuals_picture(diagnostics.residual_histogram(truth, predicted[:, 1]))


@pytest.mark.parametrize("which", ["data", "hostile"])
def test_plotly_knows_every_property_of_report_figures(which, request):
    import plotly.graph_objects as go

    for drawn in pictures(request.getfixturevalue(which)):
        go.Figure({"data": drawn.data, "layout": drawn.layout})  # raises ValueError for an unknown one
        assert drawn.height >= 100


def test_labels_of_report_figures_contain_no_tags(hostile):
    for drawn in pictures(hostile):
        assert "<script" not in str(drawn).replace("<br>", "")
        assert "<img" not in str(drawn)
