/** Colours of VS Code's own themes, as it sets them on a page. */
interface Theme {
  readonly css: string;
  readonly classes: string;
}

const css = (values: Readonly<Record<string, string>>) =>
  Object.entries({ "font-family": "sans-serif", "font-size": "13px", "editor-font-size": "14px", ...values })
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join("");

/** Dark Modern, Light Modern, Dark High Contrast and Light High Contrast, as far as panels use them. */
export const THEMES: Readonly<Record<"dark" | "light" | "contrast" | "contrast-light", Theme>> = {
  dark: {
    classes: "vscode-dark",
    css: css({
      "editor-background": "#1f1f1f",
      "editor-foreground": "#cccccc",
      descriptionForeground: "#9d9d9d",
      focusBorder: "#0078d4",
      "textLink-foreground": "#4daafc",
      "button-secondaryBackground": "#313131",
      "button-secondaryForeground": "#cccccc",
      "button-secondaryHoverBackground": "#3c3c3c",
      "button-border": "#ffffff12",
      "input-background": "#313131",
      "input-foreground": "#cccccc",
      "input-border": "#3c3c3c",
      "input-placeholderForeground": "#989898",
      "charts-blue": "#3794ff",
      "charts-red": "#f14c4c",
      "charts-green": "#89d185",
      "charts-yellow": "#cca700",
      "charts-purple": "#b180d7",
    }),
  },
  light: {
    classes: "vscode-light",
    css: css({
      "editor-background": "#ffffff",
      "editor-foreground": "#3b3b3b",
      descriptionForeground: "#3b3b3b",
      focusBorder: "#005fb8",
      "textLink-foreground": "#005fb8",
      "button-secondaryBackground": "#e5e5e5",
      "button-secondaryForeground": "#3b3b3b",
      "button-secondaryHoverBackground": "#cccccc",
      "button-border": "#0000001a",
      "input-background": "#ffffff",
      "input-foreground": "#3b3b3b",
      "input-border": "#cecece",
      "input-placeholderForeground": "#767676",
      "charts-blue": "#1a85ff",
      "charts-red": "#e51400",
      "charts-green": "#388a34",
      "charts-yellow": "#bf8803",
      "charts-purple": "#652d90",
    }),
  },
  contrast: {
    classes: "vscode-high-contrast",
    css: css({
      "editor-background": "#000000",
      "editor-foreground": "#ffffff",
      descriptionForeground: "#ffffffb3",
      contrastBorder: "#6fc3df",
      focusBorder: "#f38518",
      "textLink-foreground": "#21a6ff",
      "button-secondaryForeground": "#ffffff",
      "button-border": "#6fc3df",
      "input-background": "#000000",
      "input-foreground": "#ffffff",
      "input-border": "#6fc3df",
      "input-placeholderForeground": "#ffffffb3",
      "charts-blue": "#3794ff",
      "charts-red": "#f48771",
      "charts-green": "#89d185",
      "charts-yellow": "#ffd370",
      "charts-purple": "#b180d7",
    }),
  },
  "contrast-light": {
    classes: "vscode-high-contrast vscode-high-contrast-light",
    css: css({
      "editor-background": "#ffffff",
      "editor-foreground": "#292929",
      descriptionForeground: "#292929b3",
      contrastBorder: "#0f4a85",
      focusBorder: "#006bbd",
      "textLink-foreground": "#0f4a85",
      "button-secondaryBackground": "#ffffff",
      "button-secondaryForeground": "#292929",
      "button-border": "#0f4a85",
      "input-background": "#ffffff",
      "input-foreground": "#292929",
      "input-border": "#0f4a85",
      "input-placeholderForeground": "#292929b3",
      "charts-blue": "#1a85ff",
      "charts-red": "#b5200d",
      "charts-green": "#374e06",
      "charts-yellow": "#895503",
      "charts-purple": "#652d90",
    }),
  },
};
