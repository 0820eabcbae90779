"use strict";
// Opened as a file, a page may load scripts, films and pictures, and nothing else: a clip's values come as a script
// that calls flowgrad(value), its maps as pictures within scripts, so that their pixels may be read.
(() => {
  const index = JSON.parse(document.getElementById("index").textContent);
  const { rows, fps } = index;
  const at = (id) => document.getElementById(id);
  const keyOf = (row) => `${row.protocol}/${row.model}`;
  const places = new Map(rows.map((row, place) => [keyOf(row), place]));
  const rowsOf = (protocol) => rows.filter((row) => row.protocol === protocol);
  const state = { clip: null, protocol: index.protocols[0], a: "", b: "", frame: 0, value: null };
  let playing = false, started = 0, list = [], fault = "";

  function make(name, given = {}, ...inside) {
    const one = Object.assign(document.createElement(name), given);
    one.append(...inside);
    return one;
  }
  function drawn(name, given = {}, text = "") {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(given)) one.setAttribute(key, value);
    one.textContent = text;
    return one;
  }
  function later(wait, act) {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(act, wait); };
  }
  const words = (text) => text.replaceAll("_", " ");

  // ---- loading

  function kept(most, get) {
    const known = new Map();
    return (path) => {
      const found = known.get(path) ?? get(path).catch((error) => { known.delete(path); throw error; });
      known.delete(path);
      known.set(path, found);
      if (known.size > most) known.delete(known.keys().next().value);
      return found;
    };
  }
  window.flowgrad = (value) => { document.currentScript.given = value; };
  const pathOf = (name) => "page/" + name.split("/").map(encodeURIComponent).join("/");
  const load = kept(20, (name) => new Promise((done, failed) => {
    const script = make("script", { src: pathOf(name) });
    const end = () => {
      script.remove();
      if (script.given === undefined) failed(new Error(`${decodeURI(pathOf(name))} cannot be read: make the page again`));
      else done(script.given);
    };
    script.onload = script.onerror = end;
    document.head.append(script);
  }));
  const strip = kept(8, async (name) => {
    const image = make("img", { src: await load(name) });
    await image.decode();
    return image;
  });

  // ---- the film: the frame that is painted is always the one that it shows

  const film = make("video", { preload: "auto", playsInline: true });
  const hasFilm = () => state.value !== null && !state.value.film && !film.error;
  const ready = () => hasFilm() && film.readyState >= 2;
  const last = () => (state.value?.frames ?? 1) - 1;
  const bounded = (frame) => Math.max(0, Math.min(last(), frame));
  const shown = () => (ready() ? bounded(Math.floor(film.currentTime * fps + 1e-3)) : state.frame);
  function seek() {
    if (hasFilm() && !film.seeking && film.readyState >= 1) film.currentTime = (state.frame + 0.5) / fps;
  }
  film.onloadedmetadata = seek;
  film.onloadeddata = () => draw();
  film.onseeked = () => { if (!playing && shown() !== state.frame) seek(); draw(); };
  film.onended = () => play(false);
  film.onerror = () => { if (state.value && !state.value.film) { remark(); draw(); } };

  function go(frame) {
    state.frame = bounded(frame);
    started = performance.now() - (state.frame / fps) * 1000;
    seek();
    draw();
    settle();
  }
  function play(wanted) {
    if (!state.value || wanted === playing) return;
    playing = wanted;
    at("play").textContent = playing ? "❚❚" : "▶";
    at("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    if (!playing) { film.pause(); state.frame = shown(); return go(state.frame); }
    if (state.frame >= last()) go(0);
    started = performance.now() - (state.frame / fps) * 1000;
    if (hasFilm()) film.play().catch(() => play(false));
    requestAnimationFrame(tick);
  }
  function tick() {
    if (!playing) return;
    const frame = hasFilm() ? shown() : Math.floor(((performance.now() - started) / 1000) * fps);
    state.frame = bounded(frame);
    draw();
    if (!hasFilm() && frame > last()) play(false);
    else requestAnimationFrame(tick);
  }

  // ---- painting

  const bytes = index.colours.match(/../g).map((pair) => parseInt(pair, 16));
  const colours = new Uint8ClampedArray(1024);
  for (let grey = 0; grey < 256; grey++) {
    colours.set([...bytes.slice(3 * grey, 3 * grey + 3), 255 * index.opacity * Math.sqrt(grey / 255)], 4 * grey);
  }

  // the place of what is shown on a frame among ascending frames: the nearest, no farther than a film of maps has it
  function held(frames, frame) {
    let low = 0, high = frames.length;
    while (low < high) { const middle = (low + high) >> 1; if (frames[middle] <= frame) low = middle + 1; else high = middle; }
    const before = low - 1, gap = before >= 0 && low < frames.length ? frames[low] - frames[before] : Infinity;
    const near = low >= frames.length || (before >= 0 && frame - frames[before] <= frames[low] - frame) ? before : low;
    if (near < 0) return -1;
    return gap <= index.apart || Math.abs(frames[near] - frame) <= index.hold ? near : -1;
  }
  const known = new WeakMap();
  function framesOf(table) {
    if (!known.has(table)) known.set(table, Object.keys(table).map(Number));
    return known.get(table);
  }
  function boxesAt(table, frame, still, holding) {
    const exact = table?.[frame];
    if (exact || !table || !(still || holding)) return [exact ?? [], true];
    const frames = framesOf(table), place = still ? frames.length - 1 : held(frames, frame);
    return place < 0 ? [[], true] : [table[frames[place]], still];
  }

  const scratch = make("canvas").getContext("2d", { willReadFrequently: true });
  class Stage {
    constructor(slot) {
      this.slot = slot;
      this.canvas = make("canvas", { role: "img" });
      this.heat = make("canvas");
      this.words = make("span");
      this.figure = make("figure", {}, this.canvas, make("figcaption", {}, (this.title = make("b")), this.words));
      this.title.className = `of-${slot}`;
    }
    get key() { return state[this.slot]; }
    get row() { return state.value?.rows[this.key]; }

    // returns whether there is a map; one that is not loaded yet paints as soon as it is
    mapped(frame, width, height) {
      const { row } = this, still = state.value.anchor !== undefined;
      const place = still ? row.at.length - 1 : held(row.at, frame);
      this.canvas.dataset.map = place < 0 ? "" : row.at[place];
      if (place < 0) return false;
      const { tile, across, length } = index.strip, line = at("line").checked, fill = at("heat").checked;
      const name = `${state.clip.home}/${this.key.replace("/", ".")}.${Math.floor(place / length)}`;
      const wanted = [name, place, width, height, line, fill].join();
      if (wanted === this.wanted) return this.here;
      this.wanted = wanted;
      this.here = false;
      strip(`${name}.js`).then((image) => {
        if (this.wanted !== wanted) return;
        const spot = place % length;
        scratch.canvas.width = width;
        scratch.canvas.height = height;
        scratch.drawImage(image, (spot % across) * tile, Math.floor(spot / across) * tile, tile, tile, 0, 0, width, height);
        this.coloured(scratch.getImageData(0, 0, width, height), row.level[place] * 255, row.strength[place], line, fill);
        this.here = true;
        draw();
      }, (error) => { fault = error.message; remark(); });
      return this.here;
    }
    coloured(image, cut, strength, line, fill) {
      const { data, width, height } = image, inside = new Uint8Array(width * height);
      for (let place = 0; place < inside.length; place++) inside[place] = data[4 * place] >= cut;
      for (let place = 0; place < inside.length; place++) {
        const grey = 4 * data[4 * place], left = place % width;
        for (let part = 0; part < 4; part++) data[4 * place + part] = colours[grey + part];
        data[4 * place + 3] = fill ? data[4 * place + 3] * strength : 0;
        const edge = inside[place] && ((left > 0 && !inside[place - 1]) || (left < width - 1 && !inside[place + 1])
          || (place >= width && !inside[place - width]) || (place < inside.length - width && !inside[place + width]));
        if (line && edge) data.fill(255, 4 * place, 4 * place + 4);
      }
      Object.assign(this.heat, { width, height });
      this.heat.getContext("2d").putImageData(image, 0, 0);
    }

    paint(frame) {
      const { value } = state, [sourceWidth, sourceHeight] = value.size;
      const share = 480 / Math.max(sourceWidth, sourceHeight);
      const width = Math.round(sourceWidth * share), height = Math.round(sourceHeight * share);
      if (this.canvas.width !== 2 * width || this.canvas.height !== 2 * height) {
        Object.assign(this.canvas, { width: 2 * width, height: 2 * height });
        this.figure.style.setProperty("--aspect", width / height);
      }
      const pen = this.canvas.getContext("2d"), scale = 2 * share, still = value.anchor !== undefined;
      pen.fillStyle = "#1c2024";
      pen.fillRect(0, 0, 2 * width, 2 * height);
      if (ready()) pen.drawImage(film, 0, 0, 2 * width, 2 * height);
      const { row } = this, spec = rows[places.get(this.key)];
      if (row?.at && this.mapped(frame, width, height)) pen.drawImage(this.heat, 0, 0, 2 * width, 2 * height);
      const outline = (boxes, colour, faint, dashes = [], filled = false) => {
        pen.lineWidth = 4;
        pen.strokeStyle = pen.fillStyle = colour;
        for (const [x, y, w, h] of boxes) {
          pen.setLineDash(dashes);
          pen.globalAlpha = 0.3;
          if (filled) pen.fillRect(x * scale, y * scale, w * scale, h * scale);
          pen.globalAlpha = faint ? 0.5 : 1;
          pen.strokeRect(x * scale, y * scale, w * scale, h * scale);
        }
        pen.setLineDash([]);
        pen.globalAlpha = 1;
      };
      const sparse = Object.values(value.rows).some((one) => one.at && one.at.length < last() / 2);
      const [found] = boxesAt(value.boxes[spec.protocol], frame, still, sparse);
      const counts = { all: found, moving: found.filter((box) => box[4]), own: row?.own ?? [], maps: [] }[spec.shows];
      outline(counts, "#ffbe00", false, [], true);
      if (at("found").checked) {
        outline(found.filter((box) => box[4]), "#ffbe00", false);
        outline(found.filter((box) => !box[4]), "#ffbe00", true, [10, 8]);
      }
      const [boxes, exact] = boxesAt(value.truth?.[spec.protocol], frame, still, true);
      if (at("true").checked) outline(boxes, "#3cdc5a", !exact);
      this.say(frame, spec, row);
    }
    say(frame, spec, row) {
      const item = scoreAt(row, frame), mean = state.clip.means?.[places.get(this.key)];
      const here = !item ? "" : item[1] === null ? words(item[2]) : `cIoU ${item[1].toFixed(2)}${item[2] === "ok" ? "" : ` (${words(item[2])})`}`;
      this.title.textContent = spec.protocol === state.protocol ? spec.model : `${spec.model} (${spec.protocol})`;
      this.words.textContent = (row?.absent ? "no map · " : "") + (here || (state.value.truth ? "not scored here" : ""))
        + (mean === null || mean === undefined ? "" : ` · clip ${mean.toFixed(2)}`);
      this.spoken = `${this.title.textContent}: ${here || "not scored here"}`;
      this.canvas.setAttribute("aria-label", `${this.spoken}, ${time(frame)}`);
    }
  }
  function scoreAt(row, frame) {
    if (!row) return undefined;
    return state.value.anchor !== undefined ? row.scores[0] : row.scores.find((item) => item[0] === frame);
  }
  const stages = { a: new Stage("a"), b: new Stage("b") };
  const used = () => (state.b ? [stages.a, stages.b] : [stages.a]);
  const time = (frame) => `${(frame / fps).toFixed(3)} s`;

  function draw() {
    if (!state.value) return;
    if (!film.seeking || playing) for (const stage of used()) stage.paint(shown());
    const scrub = at("scrub"), said = `${time(state.frame)} of ${(state.value.frames / fps).toFixed(3)} s`;
    scrub.value = state.frame;
    scrub.setAttribute("aria-valuetext", `frame ${state.frame}, ${said}`);
    at("time").textContent = said;
    const x = chart.x(state.frame + 0.5);
    chart.cursor?.setAttribute("x1", x);
    chart.cursor?.setAttribute("x2", x);
  }

  // ---- curves and loudness

  const chart = { x: () => 0, cursor: null };
  function plot() {
    const { value } = state, place = at("chart"), width = place.clientWidth;
    place.replaceChildren();
    chart.cursor = null;
    if (!value || !width) return;
    const left = 42, top = 8, high = value.truth ? 104 : 0, labels = [...new Set((value.events ?? []).map((one) => one[2]))];
    const count = value.frames, span = count / fps, loudTop = top + high + (high ? 10 : 0), loud = 44;
    const eventTop = loudTop + loud + 4, height = eventTop + 17 * labels.length + 16;
    chart.x = (frame) => left + (frame / count) * (width - left - 6);
    const said = used().map((stage) => rows[places.get(stage.key)].model).join(" and ");
    const svg = drawn("svg", { height, role: "img", "aria-label": `cIoU of ${said}, loudness and sound events over ${span.toFixed(1)} s` });
    const put = (name, given, text) => svg.appendChild(drawn(name, given, text));
    const y = (score) => top + high * (1 - score);
    const level = (db) => loudTop + loud * (1 - Math.max(0, Math.min(1, (db + 60) / 60)));
    if (high) for (const score of [0, 0.5, 1]) {
      put("line", { x1: left, x2: width - 6, y1: y(score), y2: y(score), class: "grid" });
      put("text", { x: left - 5, y: y(score) + 4, "text-anchor": "end" }, score === 1 ? "cIoU 1" : String(score));
    }
    put("text", { x: left - 5, y: loudTop + loud, "text-anchor": "end" }, value.loudness ? "sound" : "");
    if (value.loudness) {
      const floor = loudTop + loud, columns = Math.max(1, Math.min(count, Math.floor(width)));
      let path = `M${chart.x(0)},${floor}`;
      for (let column = 0; column < columns; column++) {
        const [from, to] = [column, column + 1].map((edge) => Math.floor((edge * count) / columns));
        const loudest = Math.max(-90, ...value.loudness.slice(from, Math.max(to, from + 1)));
        path += `L${chart.x(from).toFixed(1)},${level(loudest).toFixed(1)}L${chart.x(to).toFixed(1)},${level(loudest).toFixed(1)}`;
      }
      put("path", { d: `${path}L${chart.x(count)},${floor}Z`, class: "loud" });
    } else if (!value.film) put("text", { x: left + 4, y: loudTop + loud / 2 + 4 }, "no sound");
    for (const [start, end, label] of value.events ?? []) {
      const row = eventTop + 17 * labels.indexOf(label), from = chart.x(start * fps), to = chart.x(Math.min(end, span) * fps);
      put("rect", { x: from, y: row, width: Math.max(1, to - from), height: 14, rx: 3, class: "event" })
        .append(drawn("title", {}, `${label} sounds from ${start} to ${end} s`));
      put("text", { x: from + 4, y: row + 11, class: "event-name" }, label);
    }
    const step = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 600].find((one) => (span / one) * 55 < width) ?? 3600;
    for (let tick = 0; tick <= span + 1e-6; tick += step) {
      put("text", { x: chart.x(tick * fps), y: height - 2, "text-anchor": tick ? "middle" : "start" }, `${tick}${tick ? "" : " s"}`);
    }
    for (const { slot, row } of used()) {
      const items = row?.scores ?? [];
      let path = "", before = null;
      for (const [number, score, status] of items) {
        const frame = value.anchor === undefined ? number : value.anchor * fps;
        const near = { cx: chart.x(frame + 0.5), r: items.length > width / 6 ? 1.5 : 3 };
        if (score === null) put("circle", { ...near, cy: y(0), class: "none" }).append(drawn("title", {}, words(status)));
        else {
          path += `${before !== null && frame - before <= fps ? "L" : "M"}${near.cx.toFixed(1)},${y(score).toFixed(1)}`;
          put("circle", { ...near, cy: y(score), class: `dot ${slot}` });
          before = frame;
        }
      }
      put("path", { d: path || "M0,0", class: `curve ${slot}` });
    }
    chart.cursor = put("line", { y1: 0, y2: height - 14, class: "cursor" });
    place.append(svg);
  }
  function pointed(event) {
    if (!state.value || !(event.buttons & 1)) return;
    const box = at("chart").getBoundingClientRect(), first = chart.x(0);
    const share = (event.clientX - box.left - first) / (chart.x(state.value.frames) - first);
    go(Math.floor(share * state.value.frames));
  }
  at("chart").addEventListener("pointerdown", pointed);
  at("chart").addEventListener("pointermove", pointed);

  // ---- choosing

  function options(select, pairs, chosen) {
    select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, textContent: text })));
    select.value = chosen;
  }
  function choices() {
    const own = rowsOf(state.protocol), others = rows.filter((row) => row.protocol !== state.protocol);
    if (!own.some((row) => keyOf(row) === state.a)) state.a = own.length ? keyOf(own[0]) : "";
    if (!places.has(state.b) || state.b === state.a) state.b = "";
    options(at("protocol"), index.protocols.map((name) => [name, name]), state.protocol);
    const numbered = own.map((row, place) => [keyOf(row), `${place < 9 ? `${place + 1}  ` : ""}${row.model}`]);
    options(at("a"), numbered, state.a);
    const beside = [...numbered, ...others.map((row) => [keyOf(row), `${row.model} (${row.protocol})`])];
    options(at("b"), [["", "none"], ...beside.filter(([key]) => key !== state.a)], state.b);
    const slices = [...new Set(index.clips.flatMap((clip) => Object.keys(clip.slices?.[state.protocol] ?? {})))];
    const scored = index.clips.some((clip) => clip.means?.some((mean) => mean !== null));
    const sorts = [["name", "name"]];
    if (scored) sorts.push(["score", `cIoU of ${nameOf(state.a)}`]);
    if (scored && state.b) sorts.push(["difference", `${nameOf(state.a)} − ${nameOf(state.b)}`]);
    sorts.push(["status", "status"], ...slices.map((name) => [`slice ${name}`, `slice: ${name}`]));
    const sort = sorts.some(([key]) => key === at("sort").value) ? at("sort").value : "name";
    options(at("sort"), sorts, sort);
    at("stages").replaceChildren(...used().map((stage) => stage.figure));
  }
  const nameOf = (key) => {
    const row = rows[places.get(key)];
    return !row ? "" : row.protocol === state.protocol ? row.model : `${row.model} (${row.protocol})`;
  };

  const mean = (clip, key) => clip.means?.[places.get(key)] ?? null;
  const difference = (clip) => {
    const [one, other] = [mean(clip, state.a), mean(clip, state.b)];
    return one === null || other === null ? null : one - other;
  };
  function valueOf(clip, sort) {
    if (sort === "score") return mean(clip, state.a);
    if (sort === "difference") return difference(clip);
    if (sort === "status") return clip.status;
    return sort === "name" ? clip.name : clip.slices?.[state.protocol]?.[sort.slice(6)] ?? null;
  }
  const collator = new Intl.Collator("en", { numeric: true });
  function order(one, other) {
    if (one === null || other === null) return (one === null) - (other === null);
    const turned = at("turn").getAttribute("aria-pressed") === "true" ? -1 : 1;
    return turned * (typeof one === "number" ? one - other : collator.compare(one, other));
  }
  function arrange() {
    const sort = at("sort").value, wanted = at("find").value.trim().toLowerCase();
    list = index.clips.filter((clip) => !wanted || clip.name.toLowerCase().includes(wanted));
    const by = new Map(list.map((clip) => [clip, valueOf(clip, sort)]));
    list.sort((one, other) => order(by.get(one), by.get(other)) || collator.compare(one.name, other.name));
    at("clips").replaceChildren(...list.map((clip, place) => {
      const score = sort === "difference" ? difference(clip) : mean(clip, state.a);
      const side = score === null ? "" : `${sort === "difference" && score > 0 ? "+" : ""}${score.toFixed(2)}`;
      const small = [clip.status === "ok" ? "" : clip.status, sort.startsWith("slice ") ? by.get(clip) ?? "" : ""].filter(Boolean).join(" · ");
      const one = make("li", { id: `clip-${place}`, role: "option" }, make("span", { textContent: clip.name }), make("b", { textContent: side }));
      if (small) one.append(make("small", { textContent: small }));
      one.onclick = () => choose(clip);
      return one;
    }));
    at("count").textContent = list.length === index.clips.length ? `${list.length} clips` : `${list.length} of ${index.clips.length} clips`;
    mark();
  }
  function mark() {
    const chosen = list.indexOf(state.clip), clips = at("clips");
    clips.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const one = clips.children[chosen];
    if (!one) return clips.removeAttribute("aria-activedescendant");
    one.setAttribute("aria-selected", "true");
    clips.setAttribute("aria-activedescendant", one.id);
    const above = one.offsetTop - clips.offsetTop, below = above + one.offsetHeight;
    if (above < clips.scrollTop) clips.scrollTop = above;
    else if (below > clips.scrollTop + clips.clientHeight) clips.scrollTop = below - clips.clientHeight;
  }

  async function choose(clip, frame = 0) {
    play(false);
    Object.assign(state, { clip, value: null, frame: 0 });
    fault = "";
    film.removeAttribute("src");
    film.load();
    at("name").textContent = clip?.name ?? "There is no clip.";
    mark();
    let value = null;
    if (clip?.home) await load(`${clip.home}/clip.js`).then((given) => { value = given; }, (error) => { fault = error.message; });
    if (state.clip !== clip) return;
    state.value = value;
    at("stages").hidden = at("steering").hidden = value === null;
    if (value) {
      at("scrub").max = last();
      if (!value.film) film.src = pathOf(`${clip.home}/film.mp4`);
      for (const stage of used()) stage.wanted = "";
      go(frame);
    }
    remark();
    plot();
    draw();
    settle();
  }
  function remark() {
    const { clip, value } = state;
    if (!clip) return;
    const absent = value ? used().filter((stage) => stage.row?.absent).map((stage) => `${nameOf(stage.key)} has no map: ${stage.row.absent}`) : [];
    const unplayable = value && !value.film && film.error && film.getAttribute("src") ? "this browser cannot play its film" : "";
    const found = [
      clip.status === "ok" ? "" : clip.status, clip.reason, fault,
      value?.film ? `no picture: ${value.film}` : unplayable, value?.silent ? `no sound: ${value.silent}` : "",
      value?.masked ? "its truth is a mask, which is not drawn" : "", ...absent,
    ];
    at("remarks").textContent = [...new Set(found.filter(Boolean))].join(" · ");
  }
  function chosenRows() {
    choices();
    arrange();
    remark();
    plot();
    draw();
    settle();
  }
  function protocol(name) {
    const moved = (key) => (key.startsWith(`${state.protocol}/`) ? `${name}${key.slice(state.protocol.length)}` : key);
    [state.a, state.b] = [moved(state.a), moved(state.b)];
    state.protocol = name;
    chosenRows();
  }

  // ---- links, and what is said aloud

  let written = "";
  const settle = later(250, () => {
    if (playing || !state.clip) return;
    const link = new URLSearchParams({ clip: state.clip.name, protocol: state.protocol, row: state.a.slice(state.protocol.length + 1) });
    if (state.b) link.set("beside", state.b);
    link.set("t", (state.frame / fps).toFixed(3));
    written = `#${link}`;
    history.replaceState(null, "", written);
    if (state.value) at("said").textContent = `${at("time").textContent}. ${used().map((stage) => stage.spoken).join(". ")}`;
  });
  function follow() {
    const link = new URLSearchParams(location.hash.slice(1));
    if (index.protocols.includes(link.get("protocol"))) state.protocol = link.get("protocol");
    if (link.has("row")) state.a = `${state.protocol}/${link.get("row")}`;
    if (link.has("clip")) state.b = link.get("beside") ?? "";
    choices();
    arrange();
    const clip = index.clips.find((one) => one.name === link.get("clip"));
    choose(clip ?? list.find((one) => one.means?.some((score) => score !== null)) ?? list.find((one) => one.home) ?? list[0] ?? null, Math.round((Number(link.get("t")) || 0) * fps));
    if (link.has("clip") && !clip) { fault = `there is no clip ${link.get("clip")}`; remark(); }
  }
  window.addEventListener("hashchange", () => { if (location.hash !== written) follow(); });

  // ---- keys

  function pressed(event) {
    const { target } = event, typed = target.matches("select, input[type=search]");
    if (event.ctrlKey || event.metaKey || event.altKey || typed) return;
    const digit = /^(Digit|Numpad)\d$/.test(event.code) ? Number(event.code.slice(-1)) : NaN;
    const own = rowsOf(state.protocol), near = list[list.indexOf(state.clip) + (event.key === "ArrowDown" ? 1 : -1)];
    const step = event.shiftKey ? fps : 1;
    if (event.key === " " && target.matches("button, summary, input[type=checkbox]")) return;
    if (event.key === " ") play(!playing);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") { play(false); go(state.frame + (event.key === "ArrowRight" ? step : -step)); }
    else if (event.key === "Home" || event.key === "End") { play(false); go(event.key === "Home" ? 0 : last()); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { if (near) choose(near); }
    else if (digit === 0) { state.b = ""; chosenRows(); }
    else if (own[digit - 1]) { state[event.shiftKey ? "b" : "a"] = keyOf(own[digit - 1]); chosenRows(); }
    else if (event.key.toLowerCase() === "p") protocol(index.protocols[(index.protocols.indexOf(state.protocol) + 1) % index.protocols.length]);
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", pressed);

  at("protocol").onchange = (event) => protocol(event.target.value);
  for (const slot of ["a", "b"]) at(slot).onchange = (event) => { state[slot] = event.target.value; chosenRows(); };
  at("sort").onchange = at("find").oninput = arrange;
  at("turn").onclick = () => {
    at("turn").setAttribute("aria-pressed", at("turn").getAttribute("aria-pressed") !== "true");
    arrange();
  };
  at("play").onclick = () => play(!playing);
  at("back").onclick = () => { play(false); go(state.frame - 1); };
  at("on").onclick = () => { play(false); go(state.frame + 1); };
  at("scrub").oninput = (event) => { play(false); go(Number(event.target.value)); };
  at("mute").onchange = (event) => { film.muted = event.target.checked; };
  for (const name of ["heat", "line", "true", "found"]) at(name).onchange = draw;
  new ResizeObserver(() => { plot(); draw(); }).observe(at("chart"));

  const hex = (grey) => `#${index.colours.slice(6 * grey, 6 * grey + 6)}`;
  document.querySelector(".scale").style.background = `linear-gradient(90deg, ${[0, 64, 128, 192, 255].map(hex).join()})`;
  at("about").textContent = [...index.notes].join(" · ");
  follow();
})();
