// Turn the drawing of a recording into a chart: values under the pointer, zoom in time, finer values of the part that is
// shown. Without this script, in print, and for screen readers, the drawing of the server stays.
(function () {
  "use strict";
  const WAIT_MS = 120;
  const FEWEST = 4; // readings that are shown at least
  const COLOURS_OF_BANDS = [2, 3, 1, 5, 4, 0, 6, 7]; // as in files.css
  const UNITS = [[3600, 14400, "h"], [60, 600, "min"], [1, 0.5, "s"], [1e-3, 0, "ms"]];
  const MINUS = "\u2212";

  const FAILED = "Finer values cannot be read now.";
  const GONE = "The file has changed, or you are not logged in any more. Load the page again.";

  const figure = document.querySelector("figure[data-series]");
  if (!figure) return;

  function get(address) {
    return fetch(address, { credentials: "same-origin" }).then(function (answer) {
      if (answer.ok) return answer.json();
      throw new Error([401, 404, 409].includes(answer.status) ? GONE : FAILED);
    }, function () {
      throw new Error(FAILED);
    });
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function short(number, digits) {
    return String(Number(number.toPrecision(digits))).replace("-", MINUS);
  }

  function button(name, label, act) {
    const made = element("button", { type: "button", class: "quiet", "aria-label": label }, name);
    made.addEventListener("click", act);
    return made;
  }

  class Chart {
    constructor(whole) {
      this.whole = whole;
      this.data = whole;
      this.step = whole.interval_ms === null ? 1 : whole.interval_ms / 1000; // of x: seconds, or readings
      this.ends = whole.begins + whole.readings;
      this.view = { begins: 0, ends: this.ends }; // readings, not always whole ones
      this.readings = [];
      this.panels = [];
      this.isAsking = false;
      this.build();
      this.draw();
    }

    // --- numbers in words

    unit() {
      if (this.whole.interval_ms === null) return [1, ""];
      const length = (this.view.ends - this.view.begins) * this.step;
      const [factor, , name] = UNITS.find(([, above]) => length > above) || UNITS[UNITS.length - 1];
      return [factor, name];
    }

    moment(reading) {
      if (this.whole.interval_ms === null) return `reading ${Math.round(reading).toLocaleString("en")}`;
      const [factor, name] = this.unit();
      const finest = Math.max((this.view.ends - this.view.begins) / 1000, 0.5) * this.step / factor;
      const decimals = Math.min(9, Math.max(0, Math.ceil(-Math.log10(finest))));
      return `${Number((reading * this.step / factor).toFixed(decimals))} ${name}`.replace("-", MINUS);
    }

    tick(at) {
      return this.whole.interval_ms === null ? Math.round(at).toLocaleString("en") : this.moment(at / this.step);
    }

    extent(axis, columns) {
      let low = Infinity, high = -Infinity;
      for (const at of columns) {
        if (axis.lows[at] === null) continue;
        low = Math.min(low, axis.lows[at]);
        high = Math.max(high, axis.highs[at]);
      }
      if (low > high) return "no value";
      const [least, most] = low === high ? [short(low, 7)] : [short(low, 5), short(high, 5)];
      return `${most === undefined || least === most ? least : `${least} to ${most}`} ${axis.units}`.trimEnd();
    }

    // --- the page

    build() {
      this.readout = element("ul", { class: "readout" });
      this.values = this.whole.axes.map((axis, index) => {
        const value = element("span", { class: "value" });
        const swatch = element("span", { class: `swatch swatch-trace-${index % 8}`, "aria-hidden": "true" });
        this.readout.append(element("li", {}, element("span", { class: "axis" }, swatch, axis.name, ": "), value));
        return value;
      });
      this.where = element("p", { class: "where" });
      this.said = element("p", { class: "said", role: "status" });
      this.plate = element("div", { class: "plate", "aria-hidden": "true" });
      this.stage = element("div", {
        class: "stage", tabindex: "0", role: "group", "aria-label": "Waveform, to zoom in", "aria-describedby": "chart-keys",
      }, this.plate);
      this.stage.addEventListener("keydown", (event) => this.press(event));
      const middle = () => (this.view.begins + this.view.ends) / 2;
      const buttons = element("div", { class: "buttons" },
        button("+", "Zoom in", () => this.zoom(0.5, middle())),
        button(MINUS, "Zoom out", () => this.zoom(2, middle())),
        button("←", "Earlier", () => this.move(-1)),
        button("→", "Later", () => this.move(1)),
        button("Whole recording", "Whole recording", () => this.reset()));
      this.root = element("div", { class: "chart" }, this.where, this.readout, this.stage, buttons, this.said,
        element("p", { class: "hint", id: "chart-keys" },
          `Drag over a part to zoom in, double click for the whole. Keys: +, ${MINUS}, arrow left and right, Escape.`));
      const still = figure.querySelector(".still");
      for (const name of ["tabindex", "role", "aria-label"]) still.removeAttribute(name);
      figure.prepend(this.root);
      figure.classList.add("has-chart");
      for (let number = 0; number <= Math.max(...this.whole.axes.map((axis) => axis.panel)); number++) this.panel(number);
      new ResizeObserver(() => this.resize()).observe(this.stage);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    }

    size() {
      const width = Math.max(200, this.plate.clientWidth);
      return { width, height: width < 500 ? 190 : 240 };
    }

    resize() {
      const size = this.size();
      for (const plot of this.panels) if (plot.width !== size.width) plot.setSize(size);
    }

    redraw() {
      for (const plot of this.panels) plot.redraw();
    }

    panel(number) {
      const axes = this.whole.axes.map((axis, index) => [axis, index]).filter(([axis]) => axis.panel === number);
      const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      const series = [{}], bands = [];
      for (const [, index] of axes) {
        const stroke = () => colour(`--c${index % 8}`);
        const at = series.length;
        series.push({ stroke, width: 1.5, points: { size: 5 } }, { stroke, width: 1.5, points: { size: 5 } });
        bands.push({ series: [at + 1, at], fill: () => colour(`--c${index % 8}`) + "cc" });
      }
      const quiet = () => colour("--quiet");
      const grid = { stroke: () => colour("--line"), width: 1 };
      const units = [...new Set(axes.map(([axis]) => axis.units).filter(Boolean))].join(", ");
      const font = "13px system-ui, sans-serif";
      const common = { stroke: quiet, font, labelFont: font, grid, ticks: { show: false } };
      const plot = new uPlot({
        ...this.size(), series, bands,
        padding: [number === 0 && this.whole.bands.length ? 24 : 10, 28, 4, 0],
        legend: { show: false },
        scales: { x: { time: false, auto: false, range: () => this.span() }, y: { range: () => this.heights(axes) } },
        axes: [
          { ...common, incrs: () => this.steps(), values: (_, at) => at.map((one) => this.tick(one)), space: 90,
            size: 30 },
          { ...common, size: 62, label: units.length > 24 ? units.slice(0, 23) + "…" : units || undefined, labelSize: 20,
            values: (_, at, index, space, step) => at.map((one) => {
              const digits = Math.ceil(Math.log10(Math.abs(one) / step)) + 1; // so that two ticks never look the same
              return one === null ? "" : short(one, Math.min(12, Math.max(4, digits || 4)));
            }) },
        ],
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false, dist: 4 },
          sync: { key: "recording", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
          bind: { dblclick: () => () => { this.reset(); return null; } },
        },
        hooks: {
          drawClear: [(self) => this.ranges(self)],
          setCursor: [(self) => this.point(self.cursor.idx)],
          setSelect: [(self) => this.select(self)],
        },
      }, null, this.plate);
      plot.panel = number;
      plot.axesOfPanel = axes.map(([, index]) => index);
      this.panels.push(plot);
    }

    span() {
      return [(this.view.begins - 0.5) * this.step, (this.view.ends - 0.5) * this.step];
    }

    // The lowest and highest value to draw, with those beside the view, to which the lines lead.
    heights(axes) {
      const per = this.data.per_column;
      let low = Infinity, high = -Infinity;
      this.readings.forEach((one, at) => {
        if (one + 2 * per < this.view.begins || one - 2 * per > this.view.ends) return;
        for (const [, index] of axes) {
          const axis = this.data.axes[index];
          if (axis.lows[at] === null) continue;
          low = Math.min(low, axis.lows[at]);
          high = Math.max(high, axis.highs[at]);
        }
      });
      if (low > high) return [0, 1];
      const room = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 1;
      return [low - room, high + room];
    }

    // The steps between ticks: round ones in the unit that is shown.
    steps() {
      const [factor] = this.unit();
      const found = [];
      for (let power = -12; power <= 12; power++) for (const one of [1, 2, 5]) found.push(one * 10 ** power * factor);
      return this.whole.interval_ms === null ? found.filter((one) => one >= 1) : found;
    }

    // Labels by range: bands behind the lines, and their names above the first panel.
    ranges(plot) {
      const colours = new Map();
      const { ctx, bbox } = plot;
      const style = getComputedStyle(document.documentElement);
      ctx.save();
      ctx.font = `${13 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textBaseline = "bottom";
      ctx.textAlign = "left";
      for (const band of this.whole.bands) {
        if (!colours.has(band.label)) colours.set(band.label, colours.size % 8);
        const [from, to] = [band.begins - 0.5, band.ends + 0.5].map((one) => plot.valToPos(one * this.step, "x", true));
        const left = Math.max(from, bbox.left), right = Math.min(to, bbox.left + bbox.width);
        if (right <= left) continue;
        ctx.globalAlpha = 0.16;
        ctx.fillStyle = style.getPropertyValue(`--c${COLOURS_OF_BANDS[colours.get(band.label)]}`).trim();
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.globalAlpha = 1;
        ctx.fillStyle = style.getPropertyValue("--text").trim();
        if (plot.panel === 0 && ctx.measureText(band.label).width < right - left) {
          ctx.fillText(band.label, left, bbox.top - 4 * devicePixelRatio);
        }
      }
      ctx.restore();
    }

    // --- what is shown

    // The reading in the middle of each column.
    middles() {
      const { begins, readings, per_column: per, axes } = this.data;
      return axes[0].lows.map((_, at) => begins + at * per + (Math.min(per, readings - at * per) - 1) / 2);
    }

    draw() {
      this.readings = this.middles();
      const xs = this.readings.map((one) => one * this.step);
      for (const plot of this.panels) {
        const lines = plot.axesOfPanel.flatMap((index) => [this.data.axes[index].lows, this.data.axes[index].highs]);
        plot.setData([xs, ...lines], false);
        const [min, max] = this.span();
        plot.setScale("x", { min, max });
      }
      this.point(null);
    }

    // Say the values at a column; without one, the lowest and highest of what is shown.
    point(column) {
      const { begins, ends } = this.view;
      const per = this.data.per_column;
      const shown = [];
      this.readings.forEach((one, at) => {
        if (one + per / 2 > begins - 0.5 && one - per / 2 < ends - 0.5) shown.push(at);
      });
      const columns = column === null || column === undefined ? shown : [column];
      this.data.axes.forEach((axis, index) => {
        const text = this.extent(axis, columns);
        if (this.values[index].textContent !== text) this.values[index].textContent = text;
      });
      const each = per > 1 ? `, each point is ${Math.round(per).toLocaleString("en")} readings` : "";
      const text = columns === shown ?
        `${this.moment(begins)} to ${this.moment(ends)}${each}` : `at ${this.moment(this.readings[column])}`;
      if (this.where.textContent !== text) this.where.textContent = text;
    }

    select(plot) {
      const { left, width } = plot.select;
      if (width <= 0) return;
      const [begins, ends] = [left, left + width].map((one) => plot.posToVal(one, "x") / this.step + 0.5);
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.show(begins, ends);
    }

    press(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const middle = (this.view.begins + this.view.ends) / 2;
      const acts = {
        "+": () => this.zoom(0.5, middle), "=": () => this.zoom(0.5, middle), "-": () => this.zoom(2, middle),
        ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1), Escape: () => this.reset(),
      };
      if (!acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    }

    zoom(factor, around) {
      const half = (this.view.ends - this.view.begins) * factor / 2;
      this.show(around - half, around + half);
    }

    move(direction) {
      const by = direction * (this.view.ends - this.view.begins) / 4;
      this.show(this.view.begins + by, this.view.ends + by);
    }

    reset() {
      this.show(0, this.ends);
    }

    show(begins, ends) {
      const length = Math.min(this.ends, Math.max(ends - begins, FEWEST));
      const middle = (begins + ends) / 2;
      const first = Math.min(Math.max(0, middle - length / 2), this.ends - length);
      this.view = { begins: first, ends: first + length };
      const has = this.data.begins <= Math.ceil(first) &&
        this.data.begins + this.data.readings >= Math.floor(first + length);
      // Until finer values come, the coarse ones of the whole are better than a gap.
      if (!has || length >= this.ends) this.data = this.whole;
      this.draw();
      this.fetch();
    }

    // Ask for finer values when the view rests, and one question at a time: each one reads the file.
    fetch() {
      this.say([]);
      clearTimeout(this.timer);
      if (this.isAsking || this.isWhole() || this.data.per_column <= 1) return;
      this.timer = setTimeout(() => this.ask(), WAIT_MS);
    }

    isWhole() {
      return this.view.ends - this.view.begins >= this.ends;
    }

    ask() {
      const view = this.view;
      const from = Math.max(0, Math.floor(view.begins) - 1);
      const to = Math.min(this.ends, Math.ceil(view.ends) + 1);
      this.isAsking = true;
      let sentences = [];
      get(`${figure.dataset.series}&from=${from}&to=${to}&version=${this.whole.version}`)
        .then((data) => {
          if (view !== this.view) return;
          this.data = data;
          this.draw();
          sentences = data.notes.filter((note) => !this.whole.notes.includes(note));
        })
        .catch((error) => { sentences = [error.message]; })
        .finally(() => {
          this.isAsking = false;
          if (view === this.view) this.say(sentences);
          else this.fetch();
        });
    }

    say(sentences) {
      this.said.textContent = sentences.join(" ");
    }
  }

  get(figure.dataset.series)
    .then((whole) => { if (whole.readings > 1) new Chart(whole); })
    .catch(() => {}); // the drawing of the server is there
})();
