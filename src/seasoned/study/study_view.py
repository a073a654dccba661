"""Read access to a study: trials, best trials, tables, figures and pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned._util.renderers import renderer
from seasoned.errors import AllTrialsFailed, InvalidInput, StudyConflict
from seasoned.fidelity.base import Decision
from seasoned.study.driver import causes
from seasoned.trials import TrialState
from seasoned.trials.dataframe import frame_of, front_of, outward, volume_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly is untyped

    from seasoned.fidelity.base import Fidelity
    from seasoned.space import Space
    from seasoned.study.replay import Replay
    from seasoned.trials import Trial
    from seasoned.trials.history import History

__all__ = ["StudyView"]


class StudyView:
    """Read-only part of `Study`."""

    name: str
    _ledger: Replay

    def __repr__(self) -> str:
        return f"Study({self._described()})"

    def __str__(self) -> str:
        front = self.front  # includes new trials of other drivers
        lines = [f"study {self._described()}"]
        value = front[0].value if front else None
        if value is not None and len(self.directions) == 1:
            lines.append(f"best value {value:.6g} in trial {front[0].number}: {front[0].config}")
        elif front:
            lines.append(f"{len(front)} trials on the front")
        return "\n".join(lines)

    def _described(self) -> str:
        """Return name, space and number of trials by state, without reading new events."""
        with self._ledger.lock:
            history = self._ledger.history
            counts = [f"{count} {state}" for state in TrialState if (count := history.count(state))]
            held = f"{sum(map(history.count, TrialState))} trials" + (f" ({', '.join(counts)})" if counts else "")
        return f"{self.name!r}: {len(self.space)} parameters, {'/'.join(self.directions)}, {held}"

    @property
    def space(self) -> Space:
        """Search space of the study."""
        return self._ledger.spec.space

    @property
    def seed(self) -> int:
        """Seed of the study's randomness."""
        return self._ledger.spec.seed

    @property
    def directions(self) -> tuple[str, ...]:
        """Direction of each objective: "minimize" or "maximize"."""
        return self._ledger.spec.directions

    @property
    def fidelity(self) -> Fidelity[Any] | None:
        """Fidelity rule of the study, or None."""
        return self._ledger.fidelity

    @property
    def paused(self) -> list[int]:
        """Numbers of the trials that wait at a rung, including promoted trials that have not continued yet."""
        waits = {Decision.PAUSE, Decision.PROMOTE}
        with self._ledger.lock:
            self._ledger.sync()
            history = self._ledger.history
            return [n for n in history.running if self._ledger.decide(n) in waits and not history.launches(n)]

    @property
    def trials(self) -> list[Trial]:
        """All trials by number, including trials of other drivers."""
        with self._ledger.lock:
            self._ledger.sync()
            return [self._outward(trial) for trial in self._ledger.history]

    @property
    def best(self) -> Trial:
        """Complete trial with the best value; of equal values, the earliest trial.

        With constraints, it is the best feasible trial (see `Trial.feasible`), or the trial of smallest violation if no
        trial is feasible.

        Raises:
            AllTrialsFailed: If trials failed and none is complete.
            StudyConflict: If no trial is complete yet, or the study has several objectives.
        """
        if len(self.directions) > 1:
            raise StudyConflict(
                f"with the {len(self.directions)} objectives {self.directions} no one trial is best; see front."
            )
        with self._ledger.lock:
            self._ledger.sync()
            return self._best(self._ledger.history)

    def _best(self, history: History) -> Trial:
        if history.best is not None:
            return self._outward(history.best)
        if failed := history.count(TrialState.FAILED):
            raise AllTrialsFailed(f"{failed} trials failed and none succeeded: {causes(history.errors())}.")
        if outside := sum(history[number].values is not None for number in history.outside):
            raise StudyConflict(
                f"the study {self.name!r} has no complete trial in this space, and {outside} in another that it was in "
                "before: see trials; run optimize, or open it with that space."
            )
        if pruned := history.count(TrialState.PRUNED):
            raise StudyConflict(
                f"no trial of the study {self.name!r} is complete, and {pruned} were pruned; prune less, or go on."
            )
        raise StudyConflict(f"the study {self.name!r} has no complete trial yet; run optimize first, or longer.")

    @property
    def front(self) -> list[Trial]:
        """Pareto-optimal trials, by number: complete trials that no other trial dominates; all of equal ones.

        With constraints, only feasible trials count, or the trials of smallest violation if no trial is feasible. The
        list is empty without a complete trial. With one objective, it contains the trials as good as `best`.

        Example:
            >>> from seasoned import Float, Space, Study
            >>> study = Study(Space(x=Float(-2, 2)), direction=("minimize", "minimize"), seed=0)
            >>> study.optimize(lambda config: (config["x"] ** 2, (config["x"] - 1) ** 2), trials=40)
            >>> all(-0.1 < trial.config["x"] < 1.1 for trial in study.front)
            True
        """
        return [self._outward(trial) for trial in front_of(self._valid())]

    def hypervolume(self, reference: Sequence[float]) -> float:
        """Return the hypervolume that the feasible trials dominate, a measure of progress for several objectives.

        Args:
            reference: The worst values that count, one per objective, in the user's directions.

        Raises:
            InvalidInput: If the reference does not have one number per objective.
        """
        signs = self._ledger.spec.signs
        if len(reference) != len(signs):
            raise InvalidInput(f"the reference {tuple(reference)} has not one number for each of {self.directions}.")
        inside = [sign * worst for sign, worst in zip(signs, reference, strict=True)]
        return volume_of(self._valid(), inside, len(signs))

    def _valid(self) -> list[Trial]:
        """Trials of the present space, with minimised objectives."""
        with self._ledger.lock:
            self._ledger.sync()
            history = self._ledger.history
            return [trial for trial in history if trial.number not in history.outside]

    def frame(self) -> pd.DataFrame:
        """Return a table with one row per trial: number, state, value, seconds, error, and one column per parameter.

        Only failed trials have an error. The column of a nested parameter has its dotted name; a parameter not in use
        is missing. Values of several objectives are in `value_0`, `value_1` and so on, constraints in `constraint_0`
        and so on, and notes in `note.` plus their name. A parameter that shares its name with another column gets the
        prefix `config.`.
        """
        return frame_of(self.trials, self.space, len(self.directions))

    def plot(self, kind: str = "history", *, parameters: Sequence[str] | None = None, objective: int = 0) -> go.Figure:
        """Return a plotly figure of the trials (`.show()`, `.write_html(path)`).

        Args:
            kind: Kind of figure: "history" (values and the best so far), "slice" (value against each parameter),
                "parallel" (trials over parameters), "contour" (a forest's mean over two parameters), "importance"
                (shares of the variance, functional ANOVA on a forest), "rank" (ranks of the trials over two
                parameters), "edf" (distribution of the values), "front" (two objectives and the Pareto front),
                "hypervolume" (of the trials so far), or "curves" (reports of all trials by step).
            parameters: Dotted names of the parameters; by default all. The default is the two most important for
                "contour" and "rank", and the twelve most important for "parallel".
            objective: Index of the objective, from 0; for "front", of the objective plotted against the first.

        Raises:
            InvalidInput: If a name is unknown, or the figure needs more complete trials.
        """
        figure: go.Figure = renderer("plot_study")(self, kind, parameters=parameters, objective=objective)
        return figure

    def importances(self, *, objective: int = 0) -> pd.Series[float]:
        """Return the importance of each parameter, as a share of the variance over the whole space, the largest first.

        The importances are total effects of a random forest. Each includes the parameter alone and its interactions, so
        the sum may exceed 1 (see `plot("importance")`).

        Args:
            objective: Index of the objective, from 0.

        Raises:
            InvalidInput: If fewer than 4 trials are complete.

        Example:
            >>> from seasoned import Float, Space, Study
            >>> study = Study(Space(x=Float(-1, 1), y=Float(-1, 1)), seed=0)
            >>> study.optimize(lambda config: 9 * config["x"] ** 2 + config["y"] ** 2, trials=40)
            >>> study.importances().index.tolist()
            ['x', 'y']
        """
        found: pd.Series[float] = renderer("study_importances")(self, objective)
        return found

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML page with the best trials and all figures, and return its path.

        Raises:
            InvalidInput: If the folder does not exist, or the path is a folder.
        """
        written: Path = renderer("study_report")(self, Path(path))
        return written

    def _outward(self, trial: Trial) -> Trial:
        return outward(trial, self._ledger.spec.signs)
