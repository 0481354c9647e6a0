// Draws every chart of the page; its data stands in the page as JSON.
document.addEventListener("DOMContentLoaded", () => {
  const look = { displaylogo: false, responsive: true, displayModeBar: false };
  for (const place of document.querySelectorAll("[data-chart]")) {
    const figure = JSON.parse(place.querySelector("script").textContent);
    const canvas = document.createElement("div");
    place.prepend(canvas);
    Plotly.newPlot(canvas, figure.data, figure.layout, look);
  }
  window.addEventListener("beforeprint", () => {
    for (const canvas of document.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(canvas);
  });
  document.body.dataset.drawn = "yes";
});
