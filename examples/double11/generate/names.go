package main

import (
	"math/rand/v2"
	"strings"
)

// names makes up how customers are called: mostly a family name and a given name, sometimes a nickname or an emoji, as
// address books have them.
type names struct {
	random                     *rand.Rand
	family, given, nick, emoji []string
}

func newNames(random *rand.Rand) *names {
	return &names{
		random: random,
		// The commoner a family name, the oftener it stands here.
		family: strings.Fields(`王 王 王 王 李 李 李 李 张 张 张 张 刘 刘 刘 陈 陈 陈 杨 杨 赵 赵 黄 黄 周 周 吴 吴 徐 徐 孙 孙 朱 马 胡 郭 林 何 高 梁
			郑 罗 宋 谢 唐 韩 曹 许 邓 萧 冯 曾 程 蔡 彭 潘 袁 于 董 余 苏 叶 吕 魏 蒋 田 杜 丁 沈 姜 范 江 傅 钟 卢 汪 戴 崔 任 陆 廖 姚 方 金 邱 夏 谭
			韦 贾 邹 石 熊 孟 秦 阎 薛 侯 雷 白 龙 段 郝 孔 邵 史 毛 常 万 顾 赖 武 康 贺 严 尹 钱 施 牛 洪 龚 欧阳 上官 诸葛 司徒`),
		given: strings.Fields(`伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 霞 平 刚 玲 桂英 秀兰 建华 建国 志强 志明 晓东 晓燕 晓丽 海燕 海涛 雪梅
			雪莹 婷婷 佳怡 佳琪 思远 思琪 梦洁 梦瑶 雨欣 雨桐 雨泽 子涵 子轩 子墨 梓萱 梓涵 欣怡 欣妍 诗涵 诗雨 浩然 浩宇 宇轩 宇航 俊杰 俊熙 一诺 一鸣
			可馨 语嫣 若曦 沐阳 文博 文静 博文 泽宇 天佑 嘉怡 嘉豪 家豪 家瑞 明轩 明月 春梅 冬梅 立新 国栋 红梅 淑珍 淑华 永强 振华 鹏飞 凯 鑫 琳 颖 倩 莹`),
		nick:  strings.Fields(`小鱼儿 阿杰 暖暖妈妈 豆豆爸 橙子 老王头 静待花开 清风徐来 向日葵 大白兔 奔跑的蜗牛 一米阳光 糖糖 米粒 Lily Kevin 阿May 猫南北 半夏 北方的狼`),
		emoji: strings.Fields("🌸 🌙 🐱 🍀 ☀️ ❤️ 🎉 🦋 🌊 🍑 💪🏻 👨‍👩‍👧 🇨🇳 🧋 🐉 ✨"),
	}
}

func (n *names) next() string {
	name := n.pick(n.family) + n.pick(n.given)
	if n.random.IntN(12) == 0 {
		name = n.pick(n.nick)
	}
	switch n.random.IntN(20) {
	case 0:
		return name + n.pick(n.emoji)
	case 1:
		return n.pick(n.emoji) + " " + name
	}
	return name
}

func (n *names) pick(words []string) string { return words[n.random.IntN(len(words))] }
