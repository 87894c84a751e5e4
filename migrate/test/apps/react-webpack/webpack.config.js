const path = require('path');
const HtmlWebpackPlugin = require('html-webpack-plugin');

module.exports = (env) => {
  const mode = env.production ? 'production' : 'development';
  return {
    mode,
    entry: './src/index.jsx',
    output: { path: path.resolve(__dirname, 'dist') },
    plugins: [
      new HtmlWebpackPlugin(),
    ],
  };
};
