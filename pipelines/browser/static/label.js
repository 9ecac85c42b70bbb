// Five keys label a clip and lead to the next; its sheet of 16 frames is played as a film.
"use strict";

const FRAME_MS = 200;
const clip = document.querySelector("[data-number]");

async function tell(address, body) {
  const token = document.querySelector('meta[name="write-token"]').content;
  const answer = await fetch(address, { method: "POST", headers: { "X-Write-Token": token }, body });
  if (answer.ok) return answer.json();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const said = page.querySelector(".problem") || page.body;
  throw new Error(said.textContent.trim());
}

async function tellAndGo(address, body, otherwise) {
  const problem = document.querySelector("p.problem");
  try {
    const { number } = await tell(address, body);
    if (number !== null || otherwise !== null) location.assign(number === null ? otherwise : `/clip/${number}`);
  } catch (error) {
    problem.textContent = `not saved: ${error.message}`;
    problem.hidden = false;
  }
}

function play(film, sheet) {
  const columns = Number(film.dataset.columns);
  film.width = sheet.naturalWidth / columns;
  film.height = sheet.naturalHeight / columns;
  const picture = film.getContext("2d");
  let shown = 0;
  const showNext = () => {
    const left = (shown % columns) * film.width;
    const top = Math.floor(shown / columns) * film.height;
    picture.drawImage(sheet, left, top, film.width, film.height, 0, 0, film.width, film.height);
    shown = (shown + 1) % (columns * columns);
  };
  showNext();
  setInterval(showNext, FRAME_MS);
}

if (clip) {
  const number = clip.dataset.number;
  const [film, sheet] = [clip.querySelector(".film"), clip.querySelector(".sheet")];
  if (sheet.complete && sheet.naturalWidth) play(film, sheet);
  else sheet.addEventListener("load", () => play(film, sheet));
  const choose = (button) => tellAndGo(`/labels/${number}`, button.dataset.label, "/");
  const undo = () => tellAndGo("/undo", "", null);
  for (const button of document.querySelectorAll("[data-label]")) button.addEventListener("click", () => choose(button));
  document.querySelector(".undo").addEventListener("click", undo);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button) choose(button);
    if (event.key === "u") undo();
    if (event.key === "0") document.querySelector(".following")?.click();
  });
}
