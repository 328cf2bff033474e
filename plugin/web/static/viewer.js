// Plays the short-axis cine of a study: sprites cut and scaled in a canvas, contours drawn over
// them as lines, the volume curve below. Everything comes from /jobs/<id>/viewer/.
"use strict";
(() => {
  const root = document.getElementById("cine");
  if (!root) return;
  const base = `/jobs/${root.dataset.job}/viewer/`;
  const at = (id) => document.getElementById(id);
  const canvas = at("frame");
  const curve = at("curve");
  const COLOURS = { endocardium: "#e69f00", epicardium: "#56b4e9", right_ventricle: "#cc79a7" };
  const GAP = 4;
  const state = { phase: 0, slice: 0, playing: false, elapsed: 0, last: 0 };
  let index = null;
  let sprites = [];

  // Physical shape of one image: pixels need not be square.
  const widthMm = () => index.width * index.column_spacing_mm;
  const heightMm = () => index.height * index.row_spacing_mm;

  function layout(width) {
    const shape = widthMm() / heightMm();
    if (!at("montage").checked) {
      const height = Math.min(width / shape, Math.max(320, innerHeight * 0.6));
      return { columns: 1, tileWidth: height * shape, tileHeight: height, height };
    }
    const n = index.n_slices;
    const room = Math.max(320, innerHeight * 0.6);
    let best = null;
    for (let columns = 1; columns <= n; columns++) {
      const rows = Math.ceil(n / columns);
      const tileWidth = Math.min((width - GAP * (columns - 1)) / columns, ((room - GAP * (rows - 1)) / rows) * shape);
      if (!best || tileWidth > best.tileWidth) best = { columns, rows, tileWidth, tileHeight: tileWidth / shape };
    }
    best.height = best.rows * best.tileHeight + GAP * (best.rows - 1);
    return best;
  }

  function sized(target, width, height) {
    const ratio = devicePixelRatio || 1;
    if (target.width !== Math.round(width * ratio) || target.height !== Math.round(height * ratio)) {
      target.width = Math.round(width * ratio);
      target.height = Math.round(height * ratio);
      target.style.width = `${width}px`;
      target.style.height = `${height}px`;
    }
    const context = target.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }

  function draw() {
    if (!index) return;
    const width = root.querySelector(".stage").clientWidth;
    const plan = layout(width);
    const context = sized(canvas, width, plan.height);
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, plan.height);
    const shown = at("montage").checked ? [...Array(index.n_slices).keys()] : [state.slice];
    const left = Math.max(0, (width - plan.columns * plan.tileWidth - GAP * (plan.columns - 1)) / 2);
    shown.forEach((slice, place) => {
      const x = left + (place % plan.columns) * (plan.tileWidth + GAP);
      const y = Math.floor(place / plan.columns) * (plan.tileHeight + GAP);
      drawSlice(context, slice, x, y, plan.tileWidth, plan.tileHeight, shown.length > 1);
    });
    plan.left = left;
    canvas.plan = plan;
    drawCurve();
    const ms = index.trigger_times_ms[state.phase];
    const mark = state.phase === index.ed_phase ? " · ED" : state.phase === index.es_phase ? " · ES" : "";
    at("phase-words").textContent = `${state.phase + 1} of ${index.n_phases}, ${Math.round(ms)} ms${mark}`;
    at("phase").value = state.phase;
    at("slice").value = state.slice;
  }

  function drawSlice(context, slice, x, y, width, height, small) {
    const sprite = sprites[slice];
    const column = state.phase % index.sprite_columns;
    const row = Math.floor(state.phase / index.sprite_columns);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    if (sprite && sprite.complete) {
      context.drawImage(sprite, column * index.width, row * index.height, index.width, index.height, x, y, width, height);
    }
    if (at("contours").checked) {
      context.save();
      context.beginPath();
      context.rect(x, y, width, height);
      context.clip();
      context.lineWidth = small ? 1.4 : 2;
      context.lineJoin = "round";
      for (const [name, colour] of Object.entries(COLOURS)) {
        context.strokeStyle = colour;
        for (const line of index.contours[name][state.phase][slice]) {
          context.beginPath();
          for (let i = 0; i < line.length; i += 2) {
            context.lineTo(x + (line[i] / index.width) * width, y + (line[i + 1] / index.height) * height);
          }
          context.stroke();
        }
      }
      context.restore();
    }
    context.font = `600 ${small ? 11 : 13}px system-ui, sans-serif`;
    const words = slice === 0 ? "1 base" : slice === index.n_slices - 1 ? `${slice + 1} apex` : `${slice + 1}`;
    label(context, words, x + 6, y + (small ? 14 : 18), "left");
    if (!small) {
      label(context, index.sides.left, x + 6, y + height / 2, "left");
      label(context, index.sides.right, x + width - 6, y + height / 2, "right");
      label(context, index.sides.top, x + width / 2, y + 16, "center");
      label(context, index.sides.bottom, x + width / 2, y + height - 8, "center");
      const bar = (20 / widthMm()) * width;
      context.fillStyle = "#eceff2";
      context.fillRect(x + width - 14 - bar, y + height - 14, bar, 3);
      label(context, "20 mm", x + width - 14 - bar / 2, y + height - 20, "center");
    }
  }

  function label(context, words, x, y, align) {
    context.textAlign = align;
    context.lineWidth = 3;
    context.strokeStyle = "rgba(0, 0, 0, .7)";
    context.strokeText(words, x, y);
    context.fillStyle = "#eceff2";
    context.fillText(words, x, y);
  }

  function drawCurve() {
    const width = curve.parentElement.clientWidth;
    const height = 110;
    const context = sized(curve, width, height);
    context.clearRect(0, 0, width, height);
    const times = index.trigger_times_ms;
    const values = [...index.lv_ml, ...index.rv_ml];
    const top = Math.max(...values, 1) * 1.08;
    const span = Math.max(times[times.length - 1] - times[0], 1);
    const x = (i) => 44 + ((times[i] - times[0]) / span) * (width - 58);
    const y = (value) => 8 + (1 - value / top) * (height - 28);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = "#9aa5b1";
    context.strokeStyle = "#2c343d";
    context.lineWidth = 1;
    context.textAlign = "right";
    for (const share of [0, 0.5, 1]) {
      const value = Math.round((top * share) / 10) * 10;
      context.beginPath();
      context.moveTo(44, y(value));
      context.lineTo(width - 14, y(value));
      context.stroke();
      context.fillText(`${value} ml`, 40, y(value) + 4);
    }
    context.textAlign = "center";
    for (const [phase, words] of [[index.ed_phase, "ED"], [index.es_phase, "ES"]]) {
      context.fillText(words, x(phase), height - 4);
    }
    for (const [line, colour] of [[index.rv_ml, COLOURS.right_ventricle], [index.lv_ml, COLOURS.endocardium]]) {
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.beginPath();
      line.forEach((value, i) => context.lineTo(x(i), y(value)));
      context.stroke();
    }
    context.strokeStyle = "#eceff2";
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x(state.phase), 6);
    context.lineTo(x(state.phase), height - 18);
    context.stroke();
  }

  // How long each phase stays, so that the heart beats at its own rate.
  function stay(phase) {
    const times = index.trigger_times_ms;
    if (phase + 1 < times.length) return Math.max(times[phase + 1] - times[phase], 5);
    const mean = times.length > 1 ? (times[times.length - 1] - times[0]) / (times.length - 1) : 40;
    return Math.max((index.rr_interval_ms || 0) - (times[phase] - times[0]), mean, 5);
  }

  function tick(now) {
    if (!state.playing) return;
    state.elapsed += (now - state.last) * Number(at("speed").value);
    state.last = now;
    let moved = false;
    if (state.elapsed > 2000) state.elapsed = 0; // the tab slept
    while (state.elapsed >= stay(state.phase)) {
      state.elapsed -= stay(state.phase);
      state.phase = (state.phase + 1) % index.n_phases;
      moved = true;
    }
    if (moved) draw();
    requestAnimationFrame(tick);
  }

  function play(on) {
    state.playing = on && Boolean(index);
    at("play").textContent = state.playing ? "Pause" : "Play";
    at("play").setAttribute("aria-pressed", String(state.playing));
    if (!state.playing) return;
    state.last = performance.now();
    requestAnimationFrame(tick);
  }

  function show(phase) {
    play(false);
    state.phase = (phase + index.n_phases) % index.n_phases;
    draw();
  }

  function choose(slice) {
    state.slice = Math.min(Math.max(slice, 0), index.n_slices - 1);
    draw();
  }

  function single(slice) {
    at("montage").checked = false;
    arrange();
    choose(slice);
  }

  function arrange() {
    at("slice-label").hidden = at("montage").checked;
    draw();
  }

  function wire() {
    at("play").addEventListener("click", () => play(!state.playing));
    at("phase").addEventListener("input", (event) => show(Number(event.target.value)));
    at("slice").addEventListener("input", (event) => choose(Number(event.target.value)));
    at("to-ed").addEventListener("click", () => show(index.ed_phase));
    at("to-es").addEventListener("click", () => show(index.es_phase));
    at("montage").addEventListener("change", arrange);
    at("contours").addEventListener("change", draw);
    addEventListener("resize", draw);
    canvas.addEventListener("click", (event) => {
      if (!at("montage").checked) {
        at("montage").checked = true;
        arrange();
        return;
      }
      const plan = canvas.plan;
      const column = Math.floor((event.offsetX - plan.left) / (plan.tileWidth + GAP));
      const row = Math.floor(event.offsetY / (plan.tileHeight + GAP));
      const slice = row * plan.columns + column;
      if (column >= 0 && column < plan.columns && slice < index.n_slices) single(slice);
    });
    canvas.addEventListener("keydown", (event) => {
      const act = {
        " ": () => play(!state.playing),
        ArrowRight: () => show(state.phase + 1),
        ArrowLeft: () => show(state.phase - 1),
        ArrowUp: () => choose(state.slice - 1),
        ArrowDown: () => choose(state.slice + 1),
        m: () => { at("montage").checked = !at("montage").checked; arrange(); },
        c: () => { at("contours").checked = !at("contours").checked; draw(); },
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
  }

  async function load() {
    const answer = await fetch(`${base}viewer.json`);
    if (!answer.ok) return;
    index = await answer.json();
    at("phase").max = index.n_phases - 1;
    at("slice").max = index.n_slices - 1;
    state.phase = index.ed_phase;
    state.slice = Math.floor(index.n_slices / 2);
    sprites = await Promise.all(
      [...Array(index.n_slices).keys()].map(async (slice) => {
        const image = new Image();
        image.src = `${base}slice-${String(slice).padStart(2, "0")}.png`;
        await image.decode().catch(() => undefined);
        return image;
      }),
    );
    wire();
    arrange();
    root.dataset.ready = "yes";
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play(true);
  }

  load();
})();
