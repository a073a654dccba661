"use strict";
// Where a box changes and no script runs (print, previews), the drawing shrinks with it instead of being cut.
const scalable = (plot) => {
  for (const svg of plot.querySelectorAll(".main-svg")) {
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    svg.setAttribute("preserveAspectRatio", "xMinYMin meet");
  }
};
for (const plot of document.querySelectorAll(".plot")) {
  const { data, layout } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  Plotly.newPlot(plot, data, layout, { displayModeBar: false, doubleClick: false });
  plot.on("plotly_afterplot", () => scalable(plot));
  scalable(plot);
}
// A figure follows its box, whatever changed it: the window, a phone that turns, or the paper.
const follow = new ResizeObserver((changes) => {
  for (const { target } of changes) if (target.clientWidth > 0) Plotly.Plots.resize(target);
});
for (const plot of document.querySelectorAll(".plot")) follow.observe(plot);
// On paper nothing can be unfolded.
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const plot of document.querySelectorAll(".plot")) Plotly.Plots.resize(plot);
});
