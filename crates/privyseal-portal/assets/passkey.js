// Passkeys: one form, one prompt. The server makes the options and checks the answer; this file only carries JSON between it and the browser.
// A form with data-passkey posts its fields to data-challenge, asks the authenticator, and posts fields and credential to data-answer.

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  let json = {};
  try { json = text ? JSON.parse(text) : {}; } catch { /* said below */ }
  if (!answer.ok) throw new Error(json.detail ?? json.title ?? `The server answered ${answer.status}. Nothing was recorded.`);
  return json;
}

async function ask(kind, options) {
  const publicKey = options.publicKey ?? options;
  if (kind === "enrol") return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

function words(error) {
  switch (error?.name) {
    case "NotAllowedError": return "The passkey prompt was closed or timed out. Nothing was recorded; try again.";
    case "InvalidStateError": return "This device already holds a passkey for you here.";
    case "SecurityError": return "This page’s address does not match the one your passkey belongs to.";
    case "TypeError": return "The server could not be reached. Nothing is known to be recorded; reload the page to see.";
    default: return error?.message || "Something failed before anything was recorded.";
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) wire(form);
new MutationObserver(() => document.querySelectorAll("form[data-passkey]:not([data-wired])").forEach(wire))
  .observe(document.body, { childList: true, subtree: true });

function wire(form) {
  form.dataset.wired = "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("[type=submit]");
    const error = form.querySelector("[data-error]");
    if (form.dataset.busy) return;
    form.dataset.busy = "";
    button?.setAttribute("aria-busy", "true");
    if (error) error.hidden = true;
    try {
      if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) throw new Error("This browser is too old for passkeys in this form. Use a current one.");
      const fields = Object.fromEntries(new FormData(form, button));
      delete fields.csrf;
      const options = await post(form.dataset.challenge, fields);
      const credential = await ask(form.dataset.passkey, options);
      const done = await post(form.dataset.answer, { ...fields, credential: credential.toJSON() });
      const next = new URL(done.location ?? location.href, location.href);
      if (next.origin !== location.origin) throw new Error("The server named a place outside this portal.");
      if (next.href === location.href) location.reload(); else location.assign(next);
    } catch (problem) {
      if (error) { error.textContent = words(problem); error.hidden = false; }
      delete form.dataset.busy;
      button?.removeAttribute("aria-busy");
    }
  });
}
