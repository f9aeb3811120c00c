"""Draw what a file is: values in, text of SVG or bytes of PNG out."""
