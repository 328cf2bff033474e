// Three conveniences of administration and orders: a file into a text field, choosing all, an
// upload with its progress. The answer to an upload is a part of the page, as htmx fetches it.
"use strict";
(() => {
  const csrf = document.body.dataset.csrf;

  for (const input of document.querySelectorAll("input[data-into]")) {
    input.addEventListener("change", async () => {
      if (input.files[0]) document.getElementById(input.dataset.into).value = await input.files[0].text();
    });
  }

  for (const button of document.querySelectorAll("[data-choose-all]")) {
    button.addEventListener("click", () => {
      const boxes = [...button.form.querySelectorAll("input[type=checkbox]")];
      const all = boxes.every((box) => box.checked);
      for (const box of boxes) box.checked = !all;
    });
  }

  function show(html) {
    const answer = document.getElementById("answer");
    answer.innerHTML = html;
    htmx.process(answer);
  }

  function say(words) {
    const line = document.createElement("p");
    line.className = "message bad";
    line.setAttribute("role", "alert");
    line.textContent = words;
    document.getElementById("answer").replaceChildren(line);
  }

  for (const form of document.querySelectorAll("form[data-upload]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const progress = form.querySelector("progress");
      const button = form.querySelector("button");
      const request = new XMLHttpRequest();
      request.upload.onprogress = (part) => (progress.value = part.loaded / part.total);
      request.onloadend = () => {
        button.disabled = false;
        progress.hidden = true;
        const lead = request.getResponseHeader("HX-Redirect");
        if (lead) location.assign(lead);
        else if (request.status === 200) show(request.responseText);
        else if (request.status === 413) say("The file is too large.");
        else if (request.status === 503) say("The disk has no room for it, or the system is busy.");
        else say("The upload did not succeed; try again.");
      };
      const chosen = [...form.querySelectorAll("select")].filter((one) => one.value);
      const asked = new URLSearchParams(chosen.map((one) => [one.name, one.value]));
      request.open("POST", `${form.dataset.upload}?${asked}`);
      request.setRequestHeader("X-CSRF-Token", csrf);
      request.setRequestHeader("HX-Request", "true");
      request.setRequestHeader("Content-Type", form.dataset.kind || "application/zip");
      button.disabled = true;
      progress.hidden = false;
      request.send(form.querySelector("input[type=file]").files[0]);
    });
  }
})();
