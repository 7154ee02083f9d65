// Sends the key once and opens the page; the key is kept nowhere in the browser.

const form = document.getElementById("sign-in");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.textContent = "";
  const field = document.getElementById("key");
  try {
    const response = await fetch("/ui/sign-in", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key: field.value }),
    });
    if (response.ok) {
      location.assign("/");
      return;
    }
    refused.textContent = form.dataset.refused;
  } catch {
    refused.textContent = form.dataset.unreachable;
  }
  field.select();
});
