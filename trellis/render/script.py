"""The script and the style of the page: pan, zoom, search and collapse, in a browser without anything else.

A frame that is closed hides what is in it. Then every stripe of the picture, across and down, in which there was only
what is hidden now, is made thin: places keep their order, so boxes stay apart and lines stay off boxes without another layout.
The script writes no HTML: it sets attributes, classes and texts.
"""

from __future__ import annotations

SCRIPT = r"""'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const svg = document.querySelector('svg.trellis'), stage = svg.querySelector('g.stage');
  const paper = svg.querySelector('.paper'), field = document.getElementById('search'), count = document.getElementById('count');
  // By their order, which is that of the data: in an attribute a key stands as one line, whatever it is.
  const all = (name, items) => { const e = svg.querySelectorAll(`[data-${name}]`); return new Map(items.map((item, i) => [item.key, e[i]])); };
  const drawn = {part: all('part', data.nodes), frame: all('frame', data.regions), arrow: all('arrow', data.edges),
    label: all('label', data.edges.filter((e) => e.labelled))};
  const frames = new Map(data.regions.map((r) => [r.key, r])), parts = new Map(data.nodes.map((n) => [n.key, n]));
  const closed = new Set(), M = 24;
  const around = (item) => { const found = []; for (let k = item.region; k; k = frames.get(k).region) found.push(k); return found; };
  const hidden = (item) => around(item).some((k) => closed.has(k));
  const inside = (key, other) => { const p = parts.get(key); return p.region === other || around(p).includes(other); };
  const gone = (edge) => [...closed].some((k) => inside(edge.source, k) && inside(edge.target, k) && edge.source !== `${k}|join`)
    || hidden(parts.get(edge.source)) && hidden(parts.get(edge.target)) && ![...closed].some((k) => inside(edge.source, k) !== inside(edge.target, k)
    || edge.source === `${k}|join` && edge.target === k);
  const width = (key) => { const t = drawn.frame.get(key).querySelector('text'); return t.getBBox ? t.getBBox().width + 60 : 200; };
  const squeeze = (taken, ranges) => {
    const cuts = [];
    for (const [from, to] of ranges) {
      let at = from;
      for (const [low, high] of [...taken.filter(([l, h]) => h > from && l < to), [to, to]].sort((a, b) => a[0] - b[0])) {
        if (low - at > 16) cuts.push([at + 8, low - 8]);
        at = Math.max(at, high);
      }
    }
    cuts.sort((a, b) => a[0] - b[0]);
    const joined = [];
    for (const cut of cuts) {
      const last = joined[joined.length - 1];
      if (last && cut[0] <= last[1]) last[1] = Math.max(last[1], cut[1]); else joined.push(cut.slice());
    }
    return (value) => joined.reduce((moved, [low, high]) => moved - Math.max(0, Math.min(value, high) - low), value);
  };
  const path = (points) => {
    const length = (a, b) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]);
    const line = points.filter((p, i) => !i || length(p, points[i - 1]) > .01);
    if (line.length < 2) return '';
    const near = (c, o, r) => { const l = length(c, o); return `${c[0] + (o[0] - c[0]) * r / l} ${c[1] + (o[1] - c[1]) * r / l}`; };
    let d = `M${line[0][0]} ${line[0][1]}`;
    for (let i = 1; i < line.length - 1; i++) {
      const r = Math.min(7, length(line[i - 1], line[i]) / 2, length(line[i], line[i + 1]) / 2);
      d += `L${near(line[i], line[i - 1], r)}Q${line[i][0]} ${line[i][1]} ${near(line[i], line[i + 1], r)}`;
    }
    return `${d}L${line[line.length - 1][0]} ${line[line.length - 1][1]}`;
  };
  let size = [data.width + 2 * M, data.height + 2 * M];
  const arrange = () => {
    const wide = [], high = [], columns = [], rows = [];
    for (const n of data.nodes) if (!hidden(n)) { wide.push([n.box.x, n.box.x + n.box.width]); high.push([n.box.y, n.box.y + n.box.height]); }
    for (const e of data.edges) {
      if (gone(e)) continue;
      if (e.labelled) { wide.push([e.labelled.x, e.labelled.x + e.labelled.width]); high.push([e.labelled.y, e.labelled.y + e.labelled.height]); }
      e.points.forEach((p, i) => {
        const q = e.points[i + 1];
        if (q && p[0] === q[0]) wide.push([p[0] - 8, p[0] + 8]);
        if (q && p[1] === q[1]) high.push([p[1] - 8, p[1] + 8]);
      });
    }
    for (const r of data.regions) {
      if (hidden(r)) continue;
      const b = r.box, head = Math.min(width(r.key), b.width);
      high.push([b.y, b.y + 44]); wide.push([b.x, b.x + head]);
      if (closed.has(r.key)) { columns.push([b.x + head, b.x + b.width]); rows.push([b.y + 44, b.y + b.height]); }
      else { high.push([b.y + b.height - 14, b.y + b.height]); wide.push([b.x + b.width - 14, b.x + b.width]); }
    }
    const fx = squeeze(wide, columns), fy = squeeze(high, rows);
    const shift = (element, box) => element.setAttribute('transform', `translate(${fx(box.x) - box.x} ${fy(box.y) - box.y})`);
    for (const n of data.nodes) { const e = drawn.part.get(n.key); e.classList.toggle('gone', hidden(n)); shift(e, n.box); }
    for (const r of data.regions) {
      const e = drawn.frame.get(r.key), b = r.box, rect = e.querySelector('rect');
      e.classList.toggle('gone', hidden(r)); e.classList.toggle('closed', closed.has(r.key)); shift(e, b);
      rect.setAttribute('width', fx(b.x + b.width) - fx(b.x)); rect.setAttribute('height', fy(b.y + b.height) - fy(b.y));
      if (e.hasAttribute('tabindex')) e.setAttribute('aria-expanded', String(!closed.has(r.key)));
    }
    for (const edge of data.edges) {
      const off = gone(edge), e = drawn.arrow.get(edge.key), l = drawn.label.get(edge.key);
      e.classList.toggle('gone', off); e.setAttribute('d', path(edge.points.map(([x, y]) => [fx(x), fy(y)])));
      if (l) { l.classList.toggle('gone', off); shift(l, edge.labelled); }
    }
    size = [fx(data.width) + 2 * M, fy(data.height) + 2 * M];
    paper.setAttribute('width', size[0]); paper.setAttribute('height', size[1]);
  };
  let view = [0, 0, 1];
  const show = () => stage.setAttribute('transform', `translate(${view[0]} ${view[1]}) scale(${view[2]})`);
  const fit = () => {
    const box = svg.getBoundingClientRect(), scale = Math.min(1.25, Math.max(.2, Math.min(box.width / size[0], box.height / size[1])));
    view = [Math.max(0, (box.width - size[0] * scale) / 2), Math.max(0, (box.height - size[1] * scale) / 2), scale]; show();
  };
  const begin = () => {
    const box = svg.getBoundingClientRect();
    fit();
    if (view[2] < .7) { const scale = Math.min(1, Math.max(.7, box.width / size[0])); view = [(box.width - size[0] * scale) / 2, 0, scale]; show(); }
  };
  const zoom = (by, x, y) => {
    const scale = Math.min(4, Math.max(.05, view[2] * by)), part = scale / view[2];
    view = [x - (x - view[0]) * part, y - (y - view[1]) * part, scale]; show();
  };
  const middle = () => { const box = svg.getBoundingClientRect(); return [box.width / 2, box.height / 2]; };
  const toggle = (key) => { if (closed.has(key)) closed.delete(key); else closed.add(key); arrange(); };
  const foldable = data.regions.filter((r) => r.node);
  for (const r of foldable) {
    const e = drawn.frame.get(r.key);
    e.setAttribute('tabindex', '0'); e.setAttribute('role', 'button');
    e.addEventListener('click', () => { if (!moved) toggle(r.key); });
    e.addEventListener('focus', () => { const title = e.querySelector('text'); if (!from && away(title)) center(title); });
    e.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); event.stopPropagation(); toggle(r.key); } });
  }
  let from = null, moved = false;
  const away = (e) => {
    const box = svg.getBoundingClientRect(), at = e.getBoundingClientRect();
    return at.left < box.left || at.right > box.right || at.top < box.top || at.bottom > box.bottom;
  };
  const center = (e) => {
    const box = svg.getBoundingClientRect(), at = e.getBoundingClientRect();
    view[0] += box.left + box.width / 2 - at.left - at.width / 2; view[1] += box.top + box.height / 2 - at.top - at.height / 2;
    show();
  };
  const near = (key) => {
    for (const e of data.edges) {
      const on = key !== null && (e.source === key || e.target === key);
      drawn.arrow.get(e.key).classList.toggle('near', on);
    }
    for (const [name, e] of drawn.part) e.classList.toggle('chosen', name === key);
  };
  for (const n of data.nodes) {
    const e = drawn.part.get(n.key);
    e.setAttribute('tabindex', '0');
    e.addEventListener('click', () => { if (!moved) near(n.key); });
    e.addEventListener('focus', () => { near(n.key); if (!from && away(e)) center(e); });
  }
  let hits = [], hit = -1;
  const search = () => {
    const text = field.value.trim().toLowerCase();
    hits = text ? data.nodes.filter((n) => [n.node, n.name, n.does, n.says, ...(n.notes || [])].some((t) => t && t.toLowerCase().includes(text))) : [];
    for (const [key, e] of drawn.part) e.classList.toggle('hit', hits.some((n) => n.key === key));
    svg.classList.toggle('searching', hits.length > 0); hit = -1;
    count.textContent = text ? `${hits.length} found` : '';
  };
  const next = (by) => {
    if (!hits.length) return;
    hit = (hit + by + hits.length) % hits.length;
    const n = hits[hit];
    for (const key of around(n)) closed.delete(key);
    arrange();
    center(drawn.part.get(n.key)); near(n.key); count.textContent = `${hit + 1} of ${hits.length}`;
  };
  field.addEventListener('input', search);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') next(event.shiftKey ? -1 : 1);
    if (event.key === 'Escape') { field.value = ''; search(); field.blur(); }
    event.stopPropagation();
  });
  const act = {
    in: () => zoom(1.25, ...middle()), out: () => zoom(.8, ...middle()), fit,
    close: () => { for (const r of foldable) closed.add(r.key); arrange(); fit(); },
    open: () => { closed.clear(); arrange(); fit(); },
  };
  for (const button of document.querySelectorAll('button')) button.addEventListener('click', act[button.id]);
  for (const id of ['close', 'open']) document.getElementById(id).hidden = !foldable.length;
  svg.addEventListener('pointerdown', (event) => { from = [event.clientX, event.clientY, view[0], view[1]]; moved = false; });
  addEventListener('pointermove', (event) => {
    if (!from || !(event.buttons & 1)) return;
    const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
    if (Math.abs(x) + Math.abs(y) > 4) moved = true;
    if (moved) { view[0] = from[2] + x; view[1] = from[3] + y; show(); }
  });
  addEventListener('pointerup', () => { from = null; });
  svg.addEventListener('wheel', (event) => {
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .0015)), event.clientX - box.left, event.clientY - box.top);
  }, {passive: false});
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60, pan = {ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step]}[event.key];
    if (pan) { view[0] += pan[0]; view[1] += pan[1]; show(); }
    else if (event.key === '+' || event.key === '=') act.in();
    else if (event.key === '-') act.out();
    else if (event.key === '0') fit();
    else if (event.key === '[') act.close();
    else if (event.key === ']') act.open();
    else if (event.key === '/') field.focus();
    else if (event.key === 'Escape') near(null);
    else return;
    event.preventDefault();
  });
  let last = svg.getBoundingClientRect();
  addEventListener('resize', () => {  // the middle stays; a keyboard that comes up on a phone is a resize too
    const box = svg.getBoundingClientRect();
    view[0] += (box.width - last.width) / 2; view[1] += (box.height - last.height) / 2; last = box; show();
  });
  arrange(); begin();
})();
"""

PAGE_STYLE = (
    "html,body{margin:0;height:100%;overflow:hidden;font:14px ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,"
    "Helvetica,Arial,sans-serif;background:#fff;color:#0f172a;color-scheme:light dark}"
    "body{display:flex;flex-direction:column}"
    "header{display:flex;flex-wrap:wrap;gap:8px;align-items:center;padding:8px 14px;border-bottom:1px solid #cbd5e1}"
    "footer{padding:6px 14px;border-top:1px solid #cbd5e1}footer svg{display:block}"
    "h1{font-size:15px;margin:0 auto 0 0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:40%}"
    "input,button{font:inherit;font-size:13px;padding:4px 10px;border:1px solid #94a3b8;border-radius:7px;"
    "background:transparent;color:inherit}button{cursor:pointer;min-width:32px}button[hidden]{display:none}"
    "#count{font-size:12px;min-width:64px}"
    ":focus-visible{outline:2px solid #2563eb;outline-offset:2px}"
    "svg.trellis{flex:1;min-height:0;width:100%;height:100%;cursor:grab;touch-action:none;user-select:none}"
    "svg.trellis:active{cursor:grabbing}.gone{display:none}.frame[tabindex]{cursor:pointer}.part{cursor:default}"
    ".frame[tabindex]:hover>rect{stroke-width:2}.frame.closed>rect{stroke-width:2}"
    "g.chosen rect,g.hit rect{stroke:#2563eb!important;stroke-width:3}.arrow.near{stroke-width:3.4}"
    ".searching .part:not(.hit){opacity:.35}"
    "@media(prefers-color-scheme:dark){html,body{background:#0b1220;color:#f1f5f9}header,footer{border-color:#3b4a63}"
    "g.chosen rect,g.hit rect{stroke:#60a5fa!important}}"
)
