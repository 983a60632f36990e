// Show the operations in whose names, summaries or families all words occur. No script, no search.
const field = document.getElementById("search");
const count = document.getElementById("count");

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const family of document.querySelectorAll("section")) {
    const title = family.querySelector("h2").textContent.toLowerCase();
    let left = 0;
    for (const entry of family.querySelectorAll("li")) {
      const text = title + " " + entry.textContent.toLowerCase().replaceAll("_", " ") +
        " " + entry.textContent.toLowerCase();
      entry.hidden = !words.every((word) => text.includes(word));
      left += entry.hidden ? 0 : 1;
    }
    family.hidden = left === 0;
    found += left;
  }
  count.textContent = found + (found === 1 ? " operation" : " operations");
}

field.form.hidden = false;
field.form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", search);
search();
