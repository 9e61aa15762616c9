/** The two XML files of a `.vsix`: what VS Code and its marketplace read before they unpack an extension. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";

/** Which kinds of file there are; VS Code asks for the list but not for what it says. */
export const contentTypes = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="json" ContentType="application/json"/><Default Extension="vsixmanifest" ContentType="text/xml"/><Default Extension="js" ContentType="application/javascript"/><Default Extension="css" ContentType="text/css"/><Default Extension="md" ContentType="text/markdown"/><Default Extension="txt" ContentType="text/plain"/><Default Extension="png" ContentType="image/png"/><Default Extension="node" ContentType="application/octet-stream"/></Types>
`;

/** @param {string} text */
const xml = (text) =>
  text.replace(/[<>&"]/g, (sign) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[sign] ?? "");

/**
 * @param {Record<string, unknown>} manifest package.json of the extension
 * @param {string} platform as VS Code names platforms
 */
export async function vsixManifest(manifest, platform) {
  /** @type {Record<string, string>} */
  const texts = JSON.parse(await readFile(path.join(root, "package.nls.json"), "utf8"));
  /** @param {unknown} value a text, or the name of one in percent signs */
  const text = (value) => {
    const raw = String(value);
    return xml(texts[/^%(.+)%$/.exec(raw)?.[1] ?? ""] ?? raw);
  };
  /** @param {string} field @returns {string[]} */
  const list = (field) => /** @type {string[]} */ (manifest[field] ?? []);
  const { vscode } = /** @type {{ vscode: string }} */ (manifest.engines);
  /** @param {string} type @param {string} file */
  const asset = (type, file) => `    <Asset Type="${type}" Path="extension/${file}" Addressable="true"/>`;
  const services = "Microsoft.VisualStudio.Services";
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${text(manifest.name)}" Version="${text(manifest.version)}" Publisher="${text(manifest.publisher)}" TargetPlatform="${platform}"/>
    <DisplayName>${text(manifest.displayName)}</DisplayName>
    <Description xml:space="preserve">${text(manifest.description)}</Description>
    <Tags>${xml(list("keywords").join(","))}</Tags>
    <Categories>${xml(list("categories").join(","))}</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="${text(vscode)}"/>
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="${xml(list("extensionKind").join(","))}"/>
      <Property Id="Microsoft.VisualStudio.Code.ExecutesCode" Value="true"/>
      <Property Id="Microsoft.VisualStudio.Services.GitHubFlavoredMarkdown" Value="true"/>
    </Properties>
    <License>extension/LICENSE</License>
    <Icon>extension/${text(manifest.icon)}</Icon>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
${[
  asset("Microsoft.VisualStudio.Code.Manifest", "package.json"),
  asset(`${services}.Content.Details`, "README.md"),
  asset(`${services}.Content.Changelog`, "CHANGELOG.md"),
  asset(`${services}.Content.License`, "LICENSE"),
  asset(`${services}.Icons.Default`, String(manifest.icon)),
].join("\n")}
  </Assets>
</PackageManifest>
`;
}
