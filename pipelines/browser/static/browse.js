// Pictures are fetched when they come near the window, arrow keys lead through the clips, and forms send what is set.
"use strict";

const NEAR = "200px";

function fetchWhenNear(pictures) {
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      const picture = entry.target;
      watch.unobserve(picture);
      picture.addEventListener("error", () => showWhyNot(picture), { once: true });
      picture.src = picture.dataset.src;
    }
  }, { rootMargin: NEAR });
  for (const picture of pictures) watch.observe(picture);
}

// In place of a picture that cannot be shown stands what the server says of it.
async function showWhyNot(picture) {
  const answer = await fetch(picture.dataset.src);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const said = page.querySelector(".problem");
  const note = document.createElement("span");
  note.className = "nothing";
  note.textContent = said ? said.textContent : "the picture is damaged";
  picture.replaceWith(note);
}

function isTyping(target) {
  return target.closest("input, select, textarea, video, summary") !== null;
}

function followKeys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const relation = { ArrowLeft: "prev", ArrowRight: "next", Escape: "up" }[event.key];
  const link = relation && document.querySelector(`a[rel="${relation}"]`);
  if (link) link.click();
  if (event.key === "/") {
    const search = document.querySelector('input[type="search"]');
    if (search) search.focus();
    event.preventDefault();
  }
}

function leaveOutEmptyFields(event) {
  for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
}

fetchWhenNear(document.querySelectorAll("img[data-src]"));
document.addEventListener("keydown", followKeys);
for (const form of document.querySelectorAll("form.filters")) form.addEventListener("submit", leaveOutEmptyFields);
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
});

// A limit that is moved asks at once; limits that are as they were are not in the address.
for (const form of document.querySelectorAll("form.limits")) {
  form.addEventListener("input", (event) => {
    event.target.parentElement.querySelector("output").value = event.target.value;
  });
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("submit", () => {
    for (const field of form.querySelectorAll("input")) field.disabled = field.value === field.dataset.given;
  });
  window.addEventListener("pageshow", () => {
    for (const field of form.querySelectorAll("input")) field.disabled = false;
  });
}
