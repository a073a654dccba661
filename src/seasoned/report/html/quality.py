"""Report sections about the predictions: their quality, and the importance of columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.report._common.markup import Markup, joined, raw, tag
from seasoned.report._common.wording import number, plural, short
from seasoned.report.figures import diagnostics
from seasoned.report.figures.render import importance_picture
from seasoned.report.figures.render_diagnostics import (
    calibration_picture,
    pairs_picture,
    precision_recall_picture,
    residuals_picture,
    roc_picture,
)
from seasoned.report.html.sections import Section, figure

if TYPE_CHECKING:
    from seasoned.report._common.data import Predictions, ReportData

__all__ = ["importance", "predictions"]

_HALF_PAGE_CLASSES: Final = 4  # largest number of classes whose confusion matrix fits into half of the page
_NORMAL_CELL_CLASSES: Final = 10  # largest number of classes with normal cells; larger matrices have small cells


def predictions(data: ReportData) -> Section:
    """Create the section about the quality of predictions."""
    heading = "How good it is"
    known = None if data.predictions is None else _known(data.predictions)
    if known is None or not len(known.truth):
        hint = "Give the report rows whose answer is known (X and y), preferably ones that the model has not seen, and "
        return Section(
            "quality", heading, tag("p", f"{hint}it shows here where the model is right and where it is wrong.")
        )
    shown = _numbers(known) if data.task == "regression" else _classes(data, known)
    return Section("quality", heading, joined([_where(data, known), *shown]))


def _known(given: Predictions) -> Predictions:
    """Return the predictions without rows that no model predicted, such as the first rows of a split by time."""
    finite = np.isfinite(given.predicted).reshape(len(given.truth), -1).all(axis=1) & np.isfinite(given.truth)
    weights = None if given.weights is None else given.weights[finite]
    codes = None if given.codes is None else given.codes[finite]
    truth, predicted = given.truth[finite], given.predicted[finite]
    return replace(given, truth=truth, predicted=predicted, weights=weights, codes=codes)


def _where(data: ReportData, known: Predictions) -> Markup:
    rows = plural(len(known.truth), "row")
    where = "Cross-fitted" if known.tuned else "There"
    score = "" if known.score is None else f" {where}, {data.metric} is {number(known.score)}."
    score += _counting(data, known)
    if known.unseen:
        several = len(data.members) > 1
        chosen = " The members' weights were chosen there, which flatters them a little." if several else ""
        of = "fit" if data.refit_seconds is None else "search"
        return tag("p", f"From {rows} of the {of}, each predicted by models that had not seen it.{score}{chosen}")
    warning = "If the model was fitted on them, all of this looks better than it is."
    return tag("p", f"From {rows} given to this report.{score} {warning}")


def _counting(data: ReportData, known: Predictions) -> str:
    """Return a sentence about the use of sample weights."""
    if known.weights is not None:
        where = "in the score and below" if data.weighs else f"though not in {data.metric}, which takes none"
        return f" Rows count by their weights, {where}; their average weight is 1."
    return " Here all rows count the same, though not in the fit: it had weights." if data.weighted else ""


def _classes(data: ReportData, known: Predictions) -> list[Markup]:
    table = _confusion(data, known)
    binary = len(data.classes) == 2
    what = f"of {short(data.classes[data.positive])}" if binary else "of the most likely class"
    found = diagnostics.calibration(known.truth, known.predicted, weights=known.weights, positive=data.positive)
    reliable = figure(
        "calibration",
        calibration_picture(found, what),
        "Are the probabilities right?",
        "On the dotted line, 70 % of the rows with a predicted probability of 70 % have the class. Bars: 95 % "
        "intervals.",
    )
    if len(data.classes) > _HALF_PAGE_CLASSES:  # a wide table needs the whole width
        return [table, reliable]
    both = tag("div", table, reliable, class_="pair")
    if not binary or len(np.unique(known.truth)) < 2:
        return [both]
    return [both, _ranking(data, known)]


def _ranking(data: ReportData, known: Predictions) -> Markup:
    score, true = known.predicted[:, data.positive], (known.truth == data.positive).astype(np.int64)
    over = diagnostics.roc(true, score, known.weights)
    under = diagnostics.precision_recall(true, score, known.weights)
    share = float(np.average(true, weights=known.weights))
    name = short(data.classes[data.positive])
    return tag(
        "div",
        figure(
            "roc",
            roc_picture(over),
            f"ROC curve, area {over.area:.3f}",
            f"{name} is the positive class. Each point is a threshold; a coin would follow the dotted line.",
        ),
        figure(
            "precision-recall",
            precision_recall_picture(under, share),
            f"Precision and recall, average precision {under.area:.3f}",
            f"Precision for {name} at each recall. Dotted: its share of all rows, {share:.0%}.",
        ),
        class_="pair",
    )


def _confusion(data: ReportData, known: Predictions) -> Markup:
    codes = np.argmax(known.predicted, axis=1) if known.codes is None else known.codes
    found = diagnostics.confusion(known.truth, codes, data.classes, weights=known.weights)
    right = float(np.average(codes == known.truth, weights=known.weights))
    labels = [tag("th", short(label, 18), scope="col", title=label) for label in found.labels]
    head = tag("thead", tag("tr", tag("th", raw("true &darr; &ensp; predicted &rarr;"), class_="corner"), *labels))
    rows = [
        tag("tr", tag("th", short(label, 18), scope="row", title=label), *_cells(counts, right_at))
        for label, counts, right_at in zip(found.labels, found.counts, found.right, strict=True)
    ]
    count = len(found.labels)
    size = " few" if count <= _HALF_PAGE_CLASSES else " many" if count > _NORMAL_CELL_CLASSES else ""
    table = tag("table", head, tag("tbody", *rows), class_=f"confusion{size}")
    said = f"{right:.1%} of rows get the right class. Percentages are of the rows of that true class."
    if known.tuned:
        what = "The threshold was" if len(data.classes) == 2 else "How much each class counts was"
        said += f" {what} chosen on these rows, which flatters the table a little."
    caption = tag("figcaption", tag("h3", "Which classes are confused?"), tag("p", said))
    box = tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="Confusion matrix")
    return tag("figure", caption, box, id="confusion")


def _cells(counts: np.ndarray[Any, Any], true: int | None) -> list[Markup]:
    """Create the cells of one true class: darker for a larger share; blue for correct, orange for wrong predictions.

    No cell of merged classes counts as correct, because these classes may be confused with each other.
    """
    total = float(counts.sum()) or 1.0
    cells = []
    for place, count in enumerate(counts.tolist()):
        share = count / total
        colour = "69,131,196" if place == true else "221,131,48"
        style = f"background:rgba({colour},{0.6 * share:.3f})" if count else None
        percent = tag("small", f"{share:.0%}") if count else None
        shown = f"{count:,.0f}" if count == round(count) else number(count, 3)
        cells.append(tag("td", shown, percent, style=style, class_=None if count else "none"))
    return cells


def _numbers(known: Predictions) -> list[Markup]:
    residuals = known.predicted - known.truth
    half = diagnostics.middle(np.abs(residuals), known.weights)
    bias = float(np.average(residuals, weights=known.weights))
    found = diagnostics.pairs(known.truth, known.predicted)
    drawn = "" if len(found.truth) == found.rows else f" {len(found.truth):,} of the rows are drawn."
    return [
        tag(
            "div",
            figure(
                "pairs",
                pairs_picture(found),
                "Predicted and true",
                f"On the dotted line the prediction is right.{drawn}",
            ),
            figure(
                "residuals",
                residuals_picture(diagnostics.residual_histogram(known.truth, known.predicted, weights=known.weights)),
                "How large the errors are",
                f"Half of the rows are off by at most {number(half, 3)}; on average the prediction is "
                f"{number(abs(bias), 2)} too {'high' if bias > 0 else 'low'}.",
            ),
            class_="pair",
        )
    ]


def importance(data: ReportData) -> Section:
    """Create the section about column importance."""
    found = data.importance
    heading = "What matters"
    if found is None or not found.names:
        classes = ", as some are not for rows of one class" if data.classes else ""
        undefined = f"Not measured: {data.metric} is not defined on the {plural(data.judged, 'row')} given{classes}."
        if data.lost:
            undefined = (
                f"Not measured: {data.metric} is a function, which the file of the model does not hold. Give it again "
                "in Python, with set_params(metric=...), and make the report there."
            )
        nothing = "Not measured: the model uses no column, or the time for it was over before the first was done."
        hint = (
            "Not measured: the model keeps no rows to shuffle. Give the report rows whose answer is known (X and y), "
            "preferably ones that the model has not seen, and it measures here how much each column helps."
        )
        return Section(
            "importance", heading, tag("p", nothing if found is not None else undefined if data.judged else hint)
        )
    caption = (
        f"How much worse {data.metric} gets when one column is shuffled: the mean of "
        f"{plural(found.repeats, 'shuffle')} of {plural(found.rows, 'row')}, with the standard deviation. Columns that "
        "say the same share their importance."
    )
    if len(found.names) > 25:
        caption += f" The 25 most important of {len(found.names)} columns."
    if found.weighted:
        caption += " Rows count by their weights."
    if not found.unseen:
        caption += " The model has seen these rows, so that columns it learned by heart look more useful than they are."
    if found.shortened and found.limit is not None and found.wanted is not None:
        repeats, rows, columns = found.wanted
        caption += (
            f" It had {found.limit:.0f} s: {found.repeats} of {plural(repeats, 'shuffle')}, {found.rows:,} of "
            f"{plural(rows, 'row')} and {len(found.names)} of {plural(columns, 'column')}, those first that tell most "
            "about the target by themselves. More time gives more (--seconds, seconds=)."
        )
    drawn = figure("importance-figure", importance_picture(found, data.metric), "Permutation importance", caption)
    return Section("importance", heading, drawn)
